-- A fixed budget of problems, the first share of them for SFT and the rest for RL: 0 is the arm `rl`, 1 the arm `sft`,
-- between them RL that starts where SFT on the problems before its own ended. Only where there is one between, and of
-- arms that differ in their share alone: the same settings of SFT and of RL, the same kind of traces, no options.
with parts as (
    select
        run_id, arm, method, model, sample, init_run, first_share, last_share,
        {'section': sft_settings, 'kind': traces} as taught, rl_settings as rewarded
    from runs
    join arm_settings using (run_id)
    where no_options
),

points as (
    select own.model, own.sample, own.first_share as share, own.arm, start.taught, own.rewarded
    from parts as own
    join parts as start on start.run_id = own.init_run
    where own.method = 'sft_then_rl' and own.last_share = 1 and start.method = 'sft' and start.first_share = 0
        and start.last_share = own.first_share
    union all
    select model, sample, if(arm = 'sft', 1.0, 0.0) as share, arm, taught, rewarded
    from parts
    where arm in ('sft', 'rl') and method = arm and first_share is null
),

-- what the others are held against: the arms `sft` and `rl`, and without one the split that is next to it
held as (
    select
        model, sample, first(taught order by share desc, arm, taught) filter (share > 0) as taught,
        first(rewarded order by share, arm, rewarded) filter (share < 1) as rewarded
    from points
    group by model, sample
),

alike as (
    select model, sample, share, arm
    from points
    join held using (model, sample)
    group by model, sample, share, arm
    having bool_and((share = 0 or points.taught = held.taught) and (share = 1 or points.rewarded = held.rewarded))
),

places as (
    select model, sample, share, min(arm) as arm
    from alike
    group by model, sample, share
    qualify bool_or(share > 0 and share < 1) over (partition by model, sample)
)

select
    model, sample, reached.problems, share, suite, arm, reached.seeds, reached.n, reached.accuracy, reached.low,
    reached.high, total_prompts, total_updates, sampled_tokens, spent_seconds
from places
join arm_accuracy as reached using (model, sample, arm)
left join cost_curve using (model, sample, arm)
