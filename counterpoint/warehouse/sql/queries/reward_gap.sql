-- What is the reward made of, at a run's first probe and at its last: earned by accuracy, or by what else?
select
    run_id, step, reward, earned, format_gap as format, length_gap as length, noise_gap as noise,
    verifier_gap as verifier, memorisation_gap as memorisation, decoding_gap as decoding, greedy_accuracy as accuracy,
    shifted_accuracy
from reward_gap
qualify step in (min(step) over (partition by run_id), max(step) over (partition by run_id))
order by run_id, step
