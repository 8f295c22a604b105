-- Which reward term rose: each term's mean in the first and in the last tenth of training?
with placed as (
    select rewards.*, max(step) over (partition by run_id) as last from rewards
)

select
    run_id, term, any_value(weight) as weight,
    avg(mean) filter (where step <= ceil(last / 10)) as first_tenth,
    avg(mean) filter (where step > last - ceil(last / 10)) as last_tenth,
    last_tenth - first_tenth as change,
    any_value(weight) * change as change_in_reward
from placed
group by run_id, term
order by run_id, term
