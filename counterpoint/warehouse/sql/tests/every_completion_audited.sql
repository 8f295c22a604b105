-- every completion is audited, at the step it was sampled for
select run_id, step, counted.n, verifier_audit.n as audited
from (select run_id, step, count(*) as n from completions group by all) as counted
full join verifier_audit using (run_id, step)
where counted.n is distinct from verifier_audit.n
