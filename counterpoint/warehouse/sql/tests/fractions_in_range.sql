-- fractions lie in [0, 1]
select run_id, step, 'steps' as source from steps
where
    not coalesce(truncated_fraction between 0 and 1, true)
    or not coalesce(zero_advantage_fraction between 0 and 1, true)
union all
select run_id, step, 'probes' from probes
where not coalesce(accuracy between 0 and 1 and parsed_fraction between 0 and 1, false)
