-- The same problems in other modalities, item by item against the picture (in_domain), and what of a run's gain over its
-- base is there too. `drop` is accuracy on the view minus accuracy on the picture; `gain` and `picture_gain` are over the
-- base on the same view and on the picture; intervals are clustered by state.
with items as (
    select
        shown.run_id, shown.arm, shown.method, shown.model, shown.sample, shown.seed, shown.suite, shown.cluster_id,
        shown.problem_id, shown.correct::int as here, pictured.correct::int as picture, base.correct::int as base_here,
        base_pictured.correct::int as base_picture
    from graded as shown
    join suites on suites.suite = shown.suite and suites.split = 'in_domain' and suites.shows <> 'image'
    join graded as pictured
        on pictured.run_id = shown.run_id and pictured.suite = 'in_domain' and pictured.condition = 'normal'
        and pictured.problem_id = shown.problem_id
    left join graded as base
        on base.method = 'base' and base.model = shown.model and base.suite = shown.suite and base.condition = 'normal'
        and base.problem_id = shown.problem_id
    left join graded as base_pictured
        on base_pictured.method = 'base' and base_pictured.model = shown.model and base_pictured.suite = 'in_domain'
        and base_pictured.condition = 'normal' and base_pictured.problem_id = shown.problem_id
    where shown.condition = 'normal'
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
        clustered_error(drop_residual, cluster_id) as drop_error,
        clustered_error(gain_residual, cluster_id) as gain_error
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
