-- How accurate is each engine of training, seed by seed? (whether two agree within a margin: `python -m stages.equivalence`)
select model, sample, suite, seed, engine, arm, n, accuracy, low, high
from accuracy
join runs using (run_id, arm, method, model, sample, seed)
where condition = 'normal' and family = 'all' and method <> 'base'
order by model, sample, suite, seed, engine, arm
