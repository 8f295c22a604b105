-- Greedy accuracy along each axis of shift, severity by severity. Severity 0 is in_domain; along `difficulty` it is the
-- problems' own difficulty, whichever suite holds them.
with placed as (
    select graded.*, suites.axis, suites.severity::bigint as severity
    from graded
    join suites using (suite)
    where suites.axis is not null and suites.axis <> 'difficulty'
    union all by name
    select graded.*, axes.axis, 0 as severity
    from graded
    cross join (select distinct axis from suites where axis is not null and axis <> 'difficulty') as axes
    where graded.suite = 'in_domain'
    union all by name
    select graded.*, 'difficulty' as axis, problems.difficulty::bigint as severity
    from graded
    join problems using (problem_id)
    join suites using (suite)
    where (suites.axis = 'difficulty' or graded.suite = 'in_domain')
        and exists (from suites where axis = 'difficulty')
)

select
    run_id, arm, method, model, sample, seed, axis, severity, suite, count(*) as n,
    count(*) filter (where correct) as correct,
    count(*) filter (where correct) / count(*) as accuracy,
    wilson_low(count(*) filter (where correct), count(*)) as low,
    wilson_high(count(*) filter (where correct), count(*)) as high
from placed
where condition = 'normal'
group by run_id, arm, method, model, sample, seed, axis, severity, suite
