-- At every probe of a run that earns a reward: the training reward there, and held-out accuracy on each suite. The reward
-- since the probe before is that of the mart `reward_gap`; there is none before the first step.
select
    probes.run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, probes.step, probes.suite,
    probes.decoding, steps.reward, if(probes.step > 0, reward_gap.reward, null) as reward_since_probe,
    if(probes.step > 0, coalesce(steps_since_probe, 0), 0) as steps_since_probe, probes.reward as held_out_reward,
    probes.n, probes.correct, probes.accuracy, wilson_low(probes.correct, probes.n) as low,
    wilson_high(probes.correct, probes.n) as high, probes.parsed_fraction
from probes
join runs using (run_id)
semi join (select run_id from steps where reward is not null) using (run_id)
left join reward_gap on reward_gap.run_id = probes.run_id and reward_gap.step = probes.step
left join steps on steps.run_id = probes.run_id and steps.step = probes.step
where probes.condition = 'normal'
