-- Same completions, two judges: what does each run's reward call right, and the strict judge, early and late in training?
with placed as (
    select
        *, row_number() over (partition by run_id order by step) as place,
        count(*) over (partition by run_id) as steps
    from verifier_audit
)

select
    run_id, if(place <= ceil(steps / 10), 'first tenth', 'last quarter') as part, sum(n)::bigint as completions,
    avg(called_right order by step) as called_right,
    avg(strict_accuracy order by step) as strict_accuracy,
    avg(false_positive_rate order by step) as false_positive_rate,
    avg(false_negative_rate order by step) as false_negative_rate,
    avg(exploited order by step) as exploited,
    avg(mean_length order by step) as mean_length
from placed
where place <= ceil(steps / 10) or place > steps - ceil(steps / 4)
group by run_id, part
order by run_id, part
