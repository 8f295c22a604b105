-- What does each arm reach in domain for what it cost, and which are efficient (by prompts, sampled tokens, seconds)?
select
    model, arm, coalesce(sample, '') as sample, seeds, 100 * accuracy as accuracy, 100 * low as low, 100 * high as high,
    total_prompts, total_updates, sampled_tokens, spent_seconds, efficient_by_prompts as by_prompts,
    efficient_by_tokens as by_tokens, efficient_by_seconds as by_seconds
from cost_curve
order by model, method <> 'base', problems, accuracy, arm
