-- From picture to words: how much of each arm's gain on the picture is there in words, in both, in one drawn picture (means over seeds)?
with sizes as (
    select sample, count(*) as size from samples group by sample
)

select
    model, arm, coalesce(sample, '') as sample, suite, count(*) as seeds, max(n) as n,
    avg(picture_accuracy order by seed) as picture, avg(accuracy order by seed) as here,
    avg(picture_gain order by seed) as picture_gain, avg(gain order by seed) as gain,
    min(gain) as least_gain, max(gain) as greatest_gain
from cross_modal
left join sizes using (sample)
group by model, arm, method, sample, size, suite
order by model, suite, method <> 'base', size, arm
