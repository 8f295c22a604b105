-- A training run and each training run whose cost it carries: itself, what it started from, back to the base, and what
-- sampled its traces, where that teacher was trained for this student alone.
with recursive parents as (
    select run_id, init_run as parent from runs where method <> 'base'
    union all
    select run_id, teacher
    from runs
    join trace_sets using (trace_set)
    where trace_sets.model is not null
),

chain as (
    select run_id, run_id as part from runs where method <> 'base'
    union
    select chain.run_id, runs.run_id
    from chain
    join parents on parents.run_id = chain.part
    join runs on runs.run_id = parents.parent
    where runs.method <> 'base'
)
select run_id, part from chain
