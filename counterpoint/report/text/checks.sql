-- What to know before relying on the numbers: how often it is so, and where.
with seeds as (
    select model, arm, sample, count(*) as seeds from runs where method <> 'base' group by all
), places as (
    select * from judges where disagreement > 0.02
)
select 1 as position, 'runs that did not complete' as what, count(*) as count,
    string_agg(run_id || ' (' || status || ')', ', ' order by run_id) as places
from runs where status <> 'completed'
union all
select 2, 'fewest seeds of an arm (three are needed for a verdict)', coalesce(min(seeds), 0), null from seeds
union all
select 3, 'suites of a model that are not measurable', count(*),
    string_agg(suite || ' (' || model || ')', ', ' order by model, suite)
from blind where not measurable
union all
select 4, 'suites of a model without a blind baseline', count(*),
    string_agg(suite || ' (' || model || ')', ', ' order by model, suite)
from blind where measurable is null
union all
select 5, 'suites of a model that are solved blind', count(*),
    string_agg(suite || ' (' || model || ')', ', ' order by model, suite)
from blind where solved_blind
union all
select 6, 'where the two judges disagree on more than 2 % of a run''s answers to a suite', count(*),
    'most: ' || max_by(run_id || ' on ' || suite || ', ' || decoding || ' (' || round(100 * disagreement, 1) || ' %)',
        (disagreement, run_id, suite, decoding))
from places
order by position
