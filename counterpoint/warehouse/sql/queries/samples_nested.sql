-- Is each sample part of every larger one, so that arms differ in how much they saw and not in what?
with sizes as (
    select sample, count(*) as size from samples group by sample
),

common as (
    select small.sample as smaller, large.sample as larger, count(*) as shared
    from samples as small
    join samples as large using (problem_id)
    group by all
)

select
    small.sample as smaller, large.sample as larger, small.size as smaller_size, large.size as larger_size,
    coalesce(common.shared, 0) as in_both, in_both = small.size as nested
from sizes as small
join sizes as large on small.size < large.size
left join common on common.smaller = small.sample and common.larger = large.sample
order by small.size, large.size
