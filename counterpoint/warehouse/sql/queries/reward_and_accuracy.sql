-- What does the reward say, and what does held-out accuracy, at the same step of each run that earns a reward?
select
    run_id, step, any_value(reward_since_probe) as reward,
    max(accuracy) filter (where suite = 'in_domain' and decoding = 'greedy') as in_domain,
    max(accuracy) filter (where suite = 'in_domain' and decoding = 'sampled') as in_domain_sampled,
    max(accuracy) filter (where suite = 'rule_shift' and decoding = 'greedy') as rule_shift,
    max(accuracy) filter (where suite = 'visual_shift' and decoding = 'greedy') as visual_shift,
    max(accuracy) filter (where suite = 'difficulty_shift' and decoding = 'greedy') as difficulty_shift,
    max(accuracy) filter (where suite = 'text_twin' and decoding = 'greedy') as text_twin
from reward_vs_accuracy
group by run_id, step
order by run_id, step
