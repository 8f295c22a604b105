-- what a reward is made of adds up to it, but for what float32 rounds in the log
select run_id, step, reward, earned + format_gap + length_gap + noise_gap + verifier_gap + memorisation_gap + decoding_gap
    as total
from reward_gap
where isfinite(reward) and not coalesce(abs(total - reward) <= 1e-5, true)
