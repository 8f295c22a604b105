-- How does accuracy fall along each axis of shift, severity by severity (0 is in_domain; means over seeds)?
with sizes as (
    select sample, count(*) as size from samples group by sample
),

each as (
    select
        run_id, arm, method, model, sample, axis, severity, sum(n)::bigint as n, sum(correct) / sum(n) as accuracy,
        string_agg(suite, ', ' order by suite) as suites
    from shift_curve
    group by all
)

select
    model, axis, arm, coalesce(sample, '') as sample, severity, suites, count(*) as seeds, max(n) as n,
    avg(accuracy order by run_id) as accuracy, min(accuracy) as least_seed, max(accuracy) as greatest_seed
from each
left join sizes using (sample)
group by model, axis, arm, method, sample, size, severity, suites
order by model, axis, method <> 'base', size, arm, severity
