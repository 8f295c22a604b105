-- Right or wrong, problem by problem, at the probes of probe_curves.sql.
select run_id, suite, step, correct
from probe_items
semi join (select run_id from reward_gap) using (run_id)
where condition = 'normal' and decoding = 'greedy'
order by run_id, suite, step, problem_id
