-- Same-sample audit: every completion sampled in RL by the run's own reward and by the strict judge, step by step. The
-- reward calls a completion right where a term that claims to judge answers (kind `accuracy`) gives a half or more; such
-- a term may be the strict judge itself. It pays for a completion where it gives half of its greatest value or more.
with terms_used as (
    select run_id, term, any_value(weight) as weight from rewards group by run_id, term
),

rules as (
    select
        run_id, list(term order by term) filter (where kind = 'accuracy' and weight > 0) as claims,
        sum(greatest(weight, 0) order by term) as most
    from terms_used
    join term_kinds using (term)
    group by run_id
),

judged as (
    select
        run_id, step, correct, parsed, truncated, tokens,
        list_bool_or(list_transform(claims, lambda name: terms[name] >= 0.5)) as called_right,
        most > 0 and reward >= most / 2 as paid
    from completions
    join rules using (run_id)
)

select
    run_id, step, count(*) as n,
    count(*) filter (where correct) / count(*) as strict_accuracy,
    count(*) filter (where called_right) / nullif(count(called_right), 0) as called_right,
    count(*) filter (where called_right and not correct) / nullif(count(called_right), 0) as false_positive_share,
    count(*) filter (where called_right and not correct) / nullif(count(called_right) filter (where not correct), 0)
        as false_positive_rate,
    count(*) filter (where not called_right and correct) / nullif(count(called_right) filter (where correct), 0)
        as false_negative_rate,
    count(*) filter (where paid and not correct) / count(*) as exploited,
    sum(tokens) / count(*) as mean_length,
    sum(tokens) filter (where correct) / nullif(count(*) filter (where correct), 0) as mean_length_right,
    sum(tokens) filter (where not correct) / nullif(count(*) filter (where not correct), 0) as mean_length_wrong,
    count(*) filter (where parsed) / count(*) as parsed_fraction,
    count(*) filter (where truncated) / count(*) as truncated_fraction
from judged
group by run_id, step
