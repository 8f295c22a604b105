-- Is the reasoning true: what share of perceived and computed steps is right, and does the answer follow from them?
with sizes as (
    select sample, count(*) as size from samples group by sample
)

select
    model, arm, coalesce(sample, '') as sample, seed, suite, decoding, n, reasoned, perceive_correct, compute_correct,
    answer_follows, right_though_flawed, wrong_though_sound
from faithfulness
left join sizes using (sample)
order by model, suite, method <> 'base', size, arm, seed, decoding
