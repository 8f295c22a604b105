-- Every SFT run against every RL run of the same model and seed, on the same problems, whatever their samples.
with items as (
    select
        sft.run_id as sft_run, rl.run_id as rl_run, sft.model, sft.seed, sft.arm as sft_arm, rl.arm as rl_arm,
        sft.sample as sft_sample, rl.sample as rl_sample, sft.suite, sft.cluster_id, sft.correct as sft_correct,
        rl.correct as rl_correct, sft.correct::int - rl.correct::int as difference
    from graded as sft
    join graded as rl using (model, seed, suite, condition, problem_id)
    where condition = 'normal' and sft.method = 'sft' and rl.method = 'rl'
),

pairs as (
    select
        sft_run, rl_run, model, seed, sft_arm, sft_sample, rl_arm, rl_sample, suite,
        count(*) as n,
        count(*) filter (where sft_correct and rl_correct) as both_correct,
        count(*) filter (where sft_correct and not rl_correct) as sft_only,
        count(*) filter (where rl_correct and not sft_correct) as rl_only,
        count(*) filter (where not sft_correct and not rl_correct) as neither
    from items
    group by all
),

-- Problems drawn from one state stand or fall together: residuals are summed by cluster.
clusters as (
    select
        sft_run, rl_run, suite, cluster_id,
        sum(difference) - count(*) * any_value((sft_only - rl_only) / n) as residual
    from items
    join pairs using (sft_run, rl_run, suite)
    group by all
),

errors as (
    select
        sft_run, rl_run, suite,
        clustered_error(residual, cluster_id) as summed_error
    from clusters
    group by all
)

select
    sft_run, rl_run, model, seed, sft_arm, sft_sample, rl_arm, rl_sample, suite, n, both_correct,
    sft_only, rl_only, neither,
    (sft_only - rl_only) / n as difference,
    greatest(-1.0, (sft_only - rl_only - 1.959963984540054 * coalesce(summed_error, n)) / n) as low,
    least(1.0, (sft_only - rl_only + 1.959963984540054 * coalesce(summed_error, n)) / n) as high
from pairs
join errors using (sft_run, rl_run, suite)
