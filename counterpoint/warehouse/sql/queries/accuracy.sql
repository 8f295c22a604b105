-- How accurate is each arm of every model on every suite, with its 95 % interval, and what would the most frequent answer get?
with sizes as (
    select sample, count(*) as size from samples group by sample
)

select model, arm, coalesce(sample, '') as sample, seed, suite, n, accuracy, low, high, majority
from accuracy
left join sizes using (sample)
where condition = 'normal' and family = 'all'
order by model, suite, method <> 'base', size, arm, seed
