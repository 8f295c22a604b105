-- What each training run cost and what it gained in domain over its base. `total_*` adds the runs it started from.
-- A run takes of its trace set's tokens what its own problems took, and of its seconds that share; traces that nobody
-- sampled take none.
with taught as (
    select
        runs.run_id, coalesce(teacher_tokens, 0) as teacher_tokens,
        if(
            coalesce(teacher_tokens, 0) = 0, 0.0, distill_seconds * teacher_tokens / trace_sets.generated_tokens
        ) as teacher_seconds
    from runs
    left join trace_sets using (trace_set)
    left join durations on durations.run_id = runs.trace_set
),

totals as (
    select
        lineage.run_id, sum(runs.prompts_seen)::bigint as total_prompts, sum(runs.updates)::bigint as total_updates,
        sum(runs.generated_tokens)::bigint as total_generated_tokens,
        sum(runs.trained_tokens)::bigint as total_trained_tokens,
        sum(taught.teacher_tokens)::bigint as total_teacher_tokens,
        sum(durations.train_seconds order by lineage.part) as total_train_seconds,
        if(
            bool_or(taught.teacher_seconds is null), null, sum(taught.teacher_seconds order by lineage.part)
        ) as total_teacher_seconds
    from lineage
    join runs on runs.run_id = lineage.part
    join taught on taught.run_id = lineage.part
    left join durations on durations.run_id = lineage.part
    group by lineage.run_id
),

in_domain as (
    from accuracy where suite = 'in_domain' and condition = 'normal' and family = 'all'
),

gains as (
    select runs.run_id, own.accuracy, base.accuracy as base_accuracy, own.accuracy - base.accuracy as gain
    from runs
    left join in_domain as own on own.run_id = runs.run_id
    left join in_domain as base on base.method = 'base' and base.model = runs.model
    where runs.method <> 'base'
)

select
    runs.run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, runs.prompts_seen, runs.updates,
    runs.generated_tokens, runs.trained_tokens, total_prompts, total_updates, total_generated_tokens,
    total_trained_tokens, gains.accuracy, gains.base_accuracy, gains.gain,
    1000 * gains.gain / nullif(total_prompts, 0) as gain_per_1000_prompts,
    1000 * gains.gain / nullif(total_updates, 0) as gain_per_1000_updates,
    1e6 * gains.gain / nullif(total_trained_tokens, 0) as gain_per_million_trained_tokens,
    durations.train_seconds, durations.generate_seconds, durations.probe_seconds, durations.evaluate_seconds,
    totals.total_train_seconds, 1000 * gains.gain / nullif(totals.total_train_seconds, 0) as gain_per_1000_seconds,
    taught.teacher_tokens, totals.total_teacher_tokens, taught.teacher_seconds, totals.total_teacher_seconds
from runs
join gains using (run_id)
join totals using (run_id)
join taught using (run_id)
left join durations using (run_id)
