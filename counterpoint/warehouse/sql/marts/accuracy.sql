-- Greedy accuracy of every run on every suite under every condition, by family and over all of them.
with answers as (
    select
        run_id, arm, method, model, sample, seed, suite, condition, family, answer,
        count(*) as asked,
        count(*) filter (where correct) as right_ones,
        count(*) filter (where parsed) as parsed_ones,
        count(*) filter (where truncated) as truncated_ones
    from graded
    group by all
),

families as (
    select
        run_id, arm, method, model, sample, seed, suite, condition, family,
        sum(asked) as asked, sum(right_ones) as right_ones, sum(parsed_ones) as parsed_ones,
        sum(truncated_ones) as truncated_ones, max(asked) as most_frequent
    from answers
    group by run_id, arm, method, model, sample, seed, suite, condition, family
),

totals as (
    select
        run_id, arm, method, model, sample, seed, suite, condition,
        if(grouping(family) = 1, 'all', family) as family,
        sum(asked)::bigint as n, sum(right_ones)::bigint as correct, sum(parsed_ones)::bigint as parsed,
        sum(truncated_ones)::bigint as truncated, sum(most_frequent)::bigint as most_frequent
    from families
    group by grouping sets (
        (run_id, arm, method, model, sample, seed, suite, condition, family),
        (run_id, arm, method, model, sample, seed, suite, condition)
    )
)

select
    run_id, arm, method, model, sample, seed, suite, condition, family, n, correct,
    correct / n as accuracy,
    wilson_low(correct, n) as low,
    wilson_high(correct, n) as high,
    parsed / n as parsed_fraction,
    truncated / n as truncated_fraction,
    most_frequent / n as majority
from totals
