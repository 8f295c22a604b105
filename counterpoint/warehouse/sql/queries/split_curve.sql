-- At a fixed budget of problems, how many of them should SFT have, and RL the rest (accuracy in domain, per cent)?
select
    model, sample, problems, 100 * share as sft_share, arm, seeds, 100 * accuracy as accuracy, 100 * low as low,
    100 * high as high, total_updates, sampled_tokens, spent_seconds
from split_curve
where suite = 'in_domain'
order by model, problems, share
