-- What each optimizer step of a run took: tokens that carried a loss and, where they were timed, seconds.
select run_id, step, coalesce(tokens, 0) as tokens, seconds
from steps
left join (
    select run_id, step, sum(seconds order by started_at) as seconds
    from active_timings
    where phase = 'step'
    group by run_id, step
) using (run_id, step)
order by run_id, step
