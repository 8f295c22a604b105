-- all runs answer the same problems of a suite, or they could not be paired
with answered as (select distinct run_id, suite, problem_id from evals where condition = 'normal')
select runs.run_id, suite, asked.problem_id
from (select distinct run_id, suite from answered) as runs
join (select distinct suite, problem_id from answered) as asked using (suite)
anti join answered using (run_id, suite, problem_id)
