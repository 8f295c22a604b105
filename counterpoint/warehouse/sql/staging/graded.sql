-- One greedily answered evaluation item, with its run and its family.
select
    evals.run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, evals.suite, evals.condition,
    evals.problem_id, evals.cluster_id, problems.family, problems.answer,
    evals.correct, evals.parsed, evals.truncated
from evals
join runs using (run_id)
join problems using (problem_id)
where evals.decoding = 'greedy' and evals.sample_index = 0
