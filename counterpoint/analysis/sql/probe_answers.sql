-- As answers.sql, of the held-out problems that were asked while training, on the suites $suites.
select
    run_id, suite, step, dense_rank() over (order by problem_id) as problem,
    dense_rank() over (order by state_id) as cluster, probe_items.correct::double as correct
from probe_items
join problems using (problem_id)
where condition = 'normal' and decoding = 'greedy' and suite in (select unnest($suites))
order by run_id, suite, step, problem
