-- The strict judge beside the lenient one, over every answer of a run to a suite as it is: how often they disagree.
select
    evals.run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, evals.suite, evals.decoding,
    count(*) as n,
    count(*) filter (where correct) / count(*) as strict_accuracy,
    count(*) filter (where lenient_correct) / count(*) as lenient_accuracy,
    count(*) filter (where correct <> lenient_correct) / count(*) as disagreement,
    count(*) filter (where correct and not lenient_correct) as strict_only,
    count(*) filter (where lenient_correct and not correct) as lenient_only,
    count(*) filter (where parsed) / count(*) as parsed_fraction,
    count(*) filter (where truncated) / count(*) as truncated_fraction
from evals
join runs using (run_id)
where evals.condition = 'normal'
group by evals.run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, evals.suite, evals.decoding
