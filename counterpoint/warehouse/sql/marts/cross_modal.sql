-- The same problems in other modalities, item by item against the picture (in_domain), and what of a run's gain over its
-- base is there too. `drop` is accuracy on the view minus accuracy on the picture; `gain` and `picture_gain` are over the
-- base on the same view and on the picture; intervals are clustered by state (Miller, arXiv 2411.00640).
with items as (
    select
        told.run_id, told.arm, told.method, told.model, told.sample, told.seed, told.suite, told.cluster_id,
        told.problem_id, told.correct::int as here, seen.correct::int as picture, base.correct::int as base_here,
        base_seen.correct::int as base_picture
    from graded as told
    join suites on suites.suite = told.suite and suites.split = 'in_domain' and suites.shows <> 'image'
    join graded as seen
        on seen.run_id = told.run_id and seen.suite = 'in_domain' and seen.condition = 'normal'
        and seen.problem_id = told.problem_id
    left join graded as base
        on base.method = 'base' and base.model = told.model and base.suite = told.suite and base.condition = 'normal'
        and base.problem_id = told.problem_id
    left join graded as base_seen
        on base_seen.method = 'base' and base_seen.model = told.model and base_seen.suite = 'in_domain'
        and base_seen.condition = 'normal' and base_seen.problem_id = told.problem_id
    where told.condition = 'normal'
),

means as (
    select
        run_id, arm, method, model, sample, seed, suite, count(*) as n, avg(here) as accuracy,
        avg(picture) as picture_accuracy, avg(here - picture) as drop, avg(here - base_here) as gain,
        avg(picture - base_picture) as picture_gain
    from items
    group by all
),

clusters as (
    select
        run_id, suite, cluster_id, sum(here - picture - drop) as drop_residual,
        sum(here - base_here - gain) as gain_residual
    from items
    join means using (run_id, suite)
    group by run_id, suite, cluster_id
),

errors as (
    select
        run_id, suite,
        sqrt(sum(drop_residual ** 2 order by cluster_id) * count(*) / nullif(count(*) - 1, 0)) as drop_error,
        sqrt(sum(gain_residual ** 2 order by cluster_id) * count(*) / nullif(count(*) - 1, 0)) as gain_error
    from clusters
    group by run_id, suite
)

select
    run_id, arm, method, model, sample, seed, suite, n, accuracy, picture_accuracy, drop,
    greatest(-1.0, drop - 1.959963984540054 * drop_error / n) as drop_low,
    least(1.0, drop + 1.959963984540054 * drop_error / n) as drop_high,
    gain,
    if(gain is null, null, greatest(-1.0, gain - 1.959963984540054 * gain_error / n)) as gain_low,
    if(gain is null, null, least(1.0, gain + 1.959963984540054 * gain_error / n)) as gain_high,
    picture_gain
from means
join errors using (run_id, suite)
