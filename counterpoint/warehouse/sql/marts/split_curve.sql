-- A fixed budget of problems, the first share of them for SFT and the rest for RL: 0 is the arm `rl`, 1 the arm `sft`,
-- between them RL that starts where SFT on the problems before its own ended. Only where there is one between.
with parts as (
    select
        run_id, arm, method, model, sample, init_run, (params_json -> '$.arm.part[0]')::double as first_share,
        (params_json -> '$.arm.part[1]')::double as last_share
    from runs
),

splits as (
    select own.model, own.sample, own.first_share as share, min(own.arm) as arm
    from parts as own
    join parts as start on start.run_id = own.init_run
    where own.method = 'sft_then_rl' and own.last_share = 1 and start.method = 'sft' and start.first_share = 0
        and start.last_share = own.first_share
    group by own.model, own.sample, own.first_share
),

places as (
    from splits
    union all
    select distinct model, sample, if(arm = 'sft', 1.0, 0.0) as share, arm
    from parts
    semi join splits using (model, sample)
    where arm in ('sft', 'rl') and first_share is null
)

select
    model, sample, reached.problems, share, suite, arm, reached.seeds, reached.n, reached.accuracy, reached.low,
    reached.high, total_prompts, total_updates, sampled_tokens, spent_seconds
from places
join arm_accuracy as reached using (model, sample, arm)
left join cost_curve using (model, sample, arm)
