-- Does SFT on the smallest sample match or beat RL on the largest, problem by problem? (2K against 20K by default)
with sizes as (
    select sample, count(*) as size from samples group by sample
)

select
    model, seed, sft_sample, rl_sample, suite, n, sft_only, rl_only, difference, low, high,
    case when low > 0 then 'SFT higher' when high < 0 then 'RL higher' else 'inconclusive' end as verdict
from sft_vs_rl
where
    sft_arm = 'sft' and rl_arm = 'rl'
    and sft_sample = (select arg_min(sample, (size, sample)) from sizes)
    and rl_sample = (select arg_max(sample, (size, sample)) from sizes)
order by model, seed, suite
