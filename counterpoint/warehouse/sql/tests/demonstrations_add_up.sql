-- a trace set holds as many demonstrations as it says, of problems of its sample alone
select trace_set, trace_sets.kept, count(demonstrations.problem_id) as found, count(samples.problem_id) as of_sample
from trace_sets
left join demonstrations using (trace_set)
left join samples on samples.problem_id = demonstrations.problem_id and samples.sample = trace_sets.sample
group by trace_set, trace_sets.kept
having found <> kept or of_sample <> kept
