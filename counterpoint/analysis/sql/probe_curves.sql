-- The probes of every suite of a run with a reward, beside what the mart `reward_gap` says of the reward there. The gap
-- of over-specialisation is what greedy accuracy in domain has over the shifted suites' mean or, on any other suite,
-- over that suite.
select
    run_id, suite, step, accuracy, n, reward_gap.reward, format_gap as format, length_gap as length,
    verifier_gap as verifier, memorisation_gap as memorisation, decoding_gap as decoding,
    if(suite = 'in_domain', over_specialisation_gap, greedy_accuracy - accuracy) as over_specialisation
from probes
semi join (select run_id from reward_gap) using (run_id)
left join reward_gap using (run_id, step)
where condition = 'normal' and decoding = 'greedy'
order by run_id, suite, step
