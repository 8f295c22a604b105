-- Does SFT on the small sample match or beat RL on the large one, problem by problem? (2K against 20K by default)
select
    model, seed, sft_sample, rl_sample, suite, n, sft_only, rl_only, difference, low, high,
    case when low > 0 then 'SFT higher' when high < 0 then 'RL higher' else 'inconclusive' end as verdict
from sft_vs_rl
where
    sft_arm = 'sft' and rl_arm = 'rl'
    and sft_sample = (select sample from claimed where role = 'small')
    and rl_sample = (select sample from claimed where role = 'large')
order by model, seed, suite
