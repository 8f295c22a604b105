-- every run of the grid is evaluated on every suite that any run is evaluated on
select runs.run_id, suites.suite
from runs cross join (select distinct suite from evals) as suites
anti join evals on evals.run_id = runs.run_id and evals.suite = suites.suite and evals.condition = 'normal'
union all
select run_id, null from runs where not exists (from evals)
