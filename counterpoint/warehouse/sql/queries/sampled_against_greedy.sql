-- At the last probe, how far is sampled accuracy, which earns the reward, from greedy accuracy, which is reported?
with last as (
    select run_id, max(step) as step from probes group by run_id
)

select
    run_id, step, suite, max(n) as n,
    max(accuracy) filter (where decoding = 'greedy') as greedy,
    max(accuracy) filter (where decoding = 'sampled') as sampled,
    sampled - greedy as sampled_minus_greedy
from probes
join last using (run_id, step)
where condition = 'normal'
group by run_id, step, suite
order by run_id, suite
