-- Which answers do the strict and the lenient judge see differently, and what exactly was said?
select
    run_id, suite, decoding, sample_index, problem_id, answer_type, answer, extracted, evals.correct as strict,
    lenient_correct as lenient, completion
from evals
join problems using (problem_id)
where condition = 'normal' and evals.correct <> lenient_correct
order by run_id, suite, decoding, problem_id, sample_index
