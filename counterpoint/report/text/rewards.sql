-- Whether rewards tell the truth, arm by arm on the main suite (or the first that was probed), and over all runs.
with own as (
    select deceptive_arms.*, arms.title, arms.position, arms.printed
    from deceptive_arms
    join arms using (model, arm, sample)
    join suites_in_order using (suite)
    qualify row_number() over (
        partition by model, arm, sample order by suite <> getvariable('main'), suites_in_order.position
    ) = 1
)
select
    title, runs, aligned, deceptive, saturated, inconclusive, verdict,
    case when mechanism <> 'none' and (verdict = 'deceptive' or mechanism <> 'unknown') then mechanism end as mechanism,
    reward_slope, reward_slope_low, reward_slope_high, accuracy_slope, accuracy_slope_low, accuracy_slope_high,
    case when not honest then exploits_found || ' of ' || runs end as exploit, position
from own
where printed or not honest or deceptive > 0
union all
select
    'all ' || count(*) || ' arms', sum(runs), sum(aligned), sum(deceptive), sum(saturated), sum(inconclusive), null,
    null, null, null, null, null, null, null, null, 1e9
from own
having count(*) > 0
order by position
