-- By model and sample, the SFT arm that stands for each kind of traces, so that arms differ in their traces alone. For
-- `oracle` it is `sft`, `sft_oracle`, or the first that learns from the whole sample as the section `sft` has it. For
-- another kind it is `sft_KIND`, or the first, that learns from the whole sample with the very settings of the oracle
-- arm there. A kind without such an arm is left out.
with trained as (
    select
        run_id, arm, runs.model, runs.sample, kind, sft_settings, no_settings,
        method = 'sft' and kind is not null and first_share is null and no_options as whole
    from runs
    join arm_settings using (run_id)
    left join trace_sets using (trace_set)
),

oracle as (
    select arm
    from trained
    where whole and kind = 'oracle' and (no_settings or arm in ('sft', 'sft_oracle'))
    order by arm <> 'sft', arm <> 'sft_oracle', arm
    limit 1
),

arms as (
    select
        model, sample, arm, any_value(kind order by run_id) as kind, bool_and(whole) as whole,
        list_sort(list(distinct sft_settings)) as settings
    from trained
    group by model, sample, arm
)

select
    arms.model, arms.sample, arms.kind, oracle.arm as oracle_arm,
    first(arms.arm order by arms.arm <> oracle.arm, arms.arm <> 'sft_' || arms.kind, arms.arm) as arm
from oracle
join arms as rivals on rivals.arm = oracle.arm
join arms on arms.model = rivals.model and arms.sample = rivals.sample and arms.settings = rivals.settings
where arms.whole and len(arms.settings) = 1
group by arms.model, arms.sample, arms.kind, oracle.arm
