-- every trace belongs to an answer, and ends in one row of kind answer
select run_id, suite, problem_id, decoding, sample_index
from traces
group by all
having count(*) filter (where kind = 'answer') <> 1 or count(*) <> max(step_index) + 1
union all
select distinct run_id, suite, problem_id, decoding, sample_index
from traces
anti join evals using (run_id, suite, problem_id, decoding, sample_index)
