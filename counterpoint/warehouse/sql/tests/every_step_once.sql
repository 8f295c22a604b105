-- a training run records its steps 1, 2, … up to its number of updates
select run_id, any_value(updates) as updates, count(step) as steps, min(step) as first, max(step) as last
from runs left join steps using (run_id)
where method <> 'base'
group by run_id
having not coalesce(count(step) = max(step) and min(step) = 1 and max(step) = any_value(updates), false)
