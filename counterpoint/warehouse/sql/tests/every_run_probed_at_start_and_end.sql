-- a training run is probed before its first step and after its last
select run_id, min(step) as first, max(step) as last, any_value(updates) as updates
from runs left join probes using (run_id)
where method <> 'base'
group by run_id
having not coalesce(min(step) = 0 and max(step) = any_value(updates), false)
