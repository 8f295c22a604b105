-- How far can one rely on an arm: its worst seed, seeds above the base, all of k answers right, one state one answer?
with sizes as (
    select sample, count(*) as size from samples group by sample
)

select
    model, arm, coalesce(sample, '') as sample, suite, seeds, accuracy, worst_seed, base_accuracy, share_above_base,
    k, avg_at_k, pass_at_k, pass_hat_k, agreement, same_answer
from reliability
left join sizes using (sample)
order by model, suite, method <> 'base', size, arm
