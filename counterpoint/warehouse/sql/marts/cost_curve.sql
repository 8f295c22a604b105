-- What every arm reaches in domain and what it cost, means over its seeds, the base at no cost. An arm is efficient by a
-- cost where no other of its model, the base included, is more accurate for at most 5 % more, nor as accurate for less.
-- (Batches leave remainders, so equal budgets cost some per cent more or less, and a clock scatters as much.)
with costs as (
    select
        model, arm, sample, avg(total_prompts order by run_id) as total_prompts,
        avg(total_updates order by run_id) as total_updates,
        avg(total_generated_tokens order by run_id) as total_generated_tokens,
        avg(total_teacher_tokens order by run_id) as total_teacher_tokens,
        avg(total_generated_tokens + total_teacher_tokens order by run_id) as sampled_tokens,
        avg(total_trained_tokens order by run_id) as total_trained_tokens,
        avg(total_train_seconds order by run_id) as total_train_seconds,
        avg(total_teacher_seconds order by run_id) as total_teacher_seconds,
        avg(total_train_seconds + total_teacher_seconds order by run_id) as spent_seconds
    from cost_efficiency
    group by model, arm, sample
    union all
    select model, arm, sample, 0, 0, 0, 0, 0, 0, 0, 0, 0 from runs where method = 'base'
),

arms as (
    select
        reached.model, reached.arm, method, reached.sample, problems, kind, seeds, n, accuracy, low, high,
        costs.* exclude (model, arm, sample)
    from arm_accuracy as reached
    join costs
        on costs.model = reached.model and costs.arm = reached.arm and costs.sample is not distinct from reached.sample
    where suite = 'in_domain'
)

select
    *,
    total_prompts is not null and not exists (
        from arms as other
        where other.model = mine.model and (
            other.accuracy > mine.accuracy and other.total_prompts <= 1.05 * mine.total_prompts
            or other.accuracy = mine.accuracy and other.total_prompts < mine.total_prompts
        )
    ) as efficient_by_prompts,
    sampled_tokens is not null and not exists (
        from arms as other
        where other.model = mine.model and (
            other.accuracy > mine.accuracy and other.sampled_tokens <= 1.05 * mine.sampled_tokens
            or other.accuracy = mine.accuracy and other.sampled_tokens < mine.sampled_tokens
        )
    ) as efficient_by_tokens,
    spent_seconds is not null and not exists (
        from arms as other
        where other.model = mine.model and (
            other.accuracy > mine.accuracy and other.spent_seconds <= 1.05 * mine.spent_seconds
            or other.accuracy = mine.accuracy and other.spent_seconds < mine.spent_seconds
        )
    ) as efficient_by_seconds
from arms as mine
