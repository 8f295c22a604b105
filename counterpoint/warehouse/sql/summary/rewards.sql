-- The last reward of every run that earns one: in training, the mean over the steps since the probe before the last, and
-- on in-domain probe problems, sampled.
select
    run_id, any_value(reward_since_probe) as training,
    any_value(held_out_reward) filter (where suite = 'in_domain' and decoding = 'sampled') as held_out
from reward_vs_accuracy
semi join (select run_id, max(step) as step from reward_vs_accuracy group by run_id) as last using (run_id, step)
group by run_id
order by run_id
