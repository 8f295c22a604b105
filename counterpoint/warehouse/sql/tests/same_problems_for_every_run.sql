-- all runs answer the same problems of a suite, or they could not be paired
select run_id, suite, count(distinct problem_id) as problems
from evals where condition = 'normal'
group by run_id, suite
qualify problems <> max(problems) over (partition by suite)
