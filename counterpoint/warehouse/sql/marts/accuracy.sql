-- Greedy accuracy of every run on every suite under every condition, by family and over all of them.
select
    run_id, arm, method, model, sample, seed, suite, condition,
    if(grouping(family) = 1, 'all', family) as family,
    count(*) as n,
    count(*) filter (where correct) as correct,
    count(*) filter (where correct) / count(*) as accuracy,
    wilson_low(count(*) filter (where correct), count(*)) as low,
    wilson_high(count(*) filter (where correct), count(*)) as high,
    count(*) filter (where parsed) / count(*) as parsed_fraction,
    count(*) filter (where truncated) / count(*) as truncated_fraction
from graded
group by grouping sets (
    (run_id, arm, method, model, sample, seed, suite, condition, family),
    (run_id, arm, method, model, sample, seed, suite, condition)
)
