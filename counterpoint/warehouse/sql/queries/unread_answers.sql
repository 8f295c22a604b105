-- How often does a run give no answer that can be read, or run out of tokens? (counted apart from wrong answers)
with sizes as (
    select sample, count(*) as size from samples group by sample
)

select
    model, arm, coalesce(sample, '') as sample, seed, suite, n, accuracy, 1 - parsed_fraction as unparsed,
    truncated_fraction as truncated, 1 - accuracy - (1 - parsed_fraction) as read_but_wrong
from accuracy
left join sizes using (sample)
where condition = 'normal' and family = 'all'
order by model, suite, method <> 'base', size, arm, seed
