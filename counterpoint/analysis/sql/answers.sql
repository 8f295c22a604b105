-- Greedy answers with everything shown, in one order of problems for each run and suite. Problems and states are numbers
-- in the order of their names: a study has a million answers.
select
    run_id, suite, dense_rank() over (order by problem_id) as problem, dense_rank() over (order by cluster_id) as cluster,
    correct::double as correct
from evals
where condition = 'normal' and decoding = 'greedy' and sample_index = 0
order by run_id, suite, problem
