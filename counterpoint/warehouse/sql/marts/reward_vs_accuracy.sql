-- At every probe of a run that earns a reward: the training reward there, and held-out accuracy on each suite.
with rewarded as (
    select distinct run_id from steps where reward is not null
),

spans as (
    select run_id, step, lag(step, 1, -1) over (partition by run_id order by step) as previous
    from (select distinct run_id, step from probes join rewarded using (run_id))
),

since as (
    select spans.run_id, spans.step, count(steps.reward) as steps_since_probe, avg(steps.reward) as reward_since_probe
    from spans
    left join (from steps order by run_id, step) as steps
        on steps.run_id = spans.run_id and steps.step > spans.previous and steps.step <= spans.step
    group by spans.run_id, spans.step
)

select
    probes.run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, probes.step, probes.suite,
    probes.decoding, steps.reward, since.reward_since_probe, since.steps_since_probe, probes.reward as held_out_reward,
    probes.n, probes.correct, probes.accuracy, wilson_low(probes.correct, probes.n) as low,
    wilson_high(probes.correct, probes.n) as high, probes.parsed_fraction
from probes
join runs using (run_id)
join since using (run_id, step)
left join steps using (run_id, step)
where probes.condition = 'normal'
