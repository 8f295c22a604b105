-- Does each run's reward tell the truth about accuracy in domain, why not, since when, and was an exploit found?
select
    run_id, honest, verdict || coalesce(' since step ' || onset_step, '') as verdict, mechanism,
    reward_slope as reward_change,
    accuracy_slope as accuracy_change, accuracy_slope_low as low, accuracy_slope_high as high, exploit_found,
    reward_step as reward_would_pick, regret, reason
from deceptive_rewards
where suite = 'in_domain'
order by run_id
