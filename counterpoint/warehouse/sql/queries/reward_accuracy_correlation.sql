-- Over the probes of a run, do reward and held-out accuracy move together? (descriptive: probes are not independent)
select
    run_id, suite, decoding,
    count(*) as probes,
    if(stddev_pop(accuracy) > 0 and stddev_pop(reward_since_probe) > 0, corr(reward_since_probe, accuracy), null)
        as correlation,
    if(stddev_pop(reward_since_probe) > 0, regr_slope(accuracy, reward_since_probe), null) as accuracy_per_reward,
    arg_max(reward_since_probe, step) - arg_min(reward_since_probe, step) as reward_change,
    arg_max(accuracy, step) - arg_min(accuracy, step) as accuracy_change,
    'descriptive only' as note
from reward_vs_accuracy
where reward_since_probe is not null
group by run_id, suite, decoding
order by run_id, suite, decoding
