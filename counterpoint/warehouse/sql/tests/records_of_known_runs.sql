-- every record belongs to a run of the grid, or times the making of a trace set
select distinct run_id, source from (
    select run_id, 'steps' as source from steps union all select run_id, 'rewards' from rewards
    union all select run_id, 'probes' from probes union all select run_id, 'probe_items' from probe_items
    union all select run_id, 'evals' from evals union all select run_id, 'timings' from timings
)
anti join (select run_id from runs union all select trace_set from trace_sets) using (run_id)
