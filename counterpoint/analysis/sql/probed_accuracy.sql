-- Held-out accuracy at every probe of a run with reward terms: in domain, sampled and greedy, and greedily on the
-- shifted suites; `accuracy_weight` is the weight of the terms that claim to judge answers.
with weights as (
    select run_id, coalesce(sum(weight order by term) filter (where kind = 'accuracy'), 0) as accuracy_weight
    from (select run_id, term, any_value(weight) as weight from rewards group by run_id, term)
    join term_kinds using (term)
    group by run_id
),

held_out as (
    select
        run_id, step,
        any_value(accuracy) filter (where suite = 'in_domain' and decoding = 'sampled') as sampled_accuracy,
        any_value(accuracy) filter (where suite = 'in_domain' and decoding = 'greedy') as greedy_accuracy,
        avg(accuracy order by suite) filter (
            where suite in ('rule_shift', 'visual_shift', 'difficulty_shift') and decoding = 'greedy'
        ) as shifted_accuracy
    from probes
    where condition = 'normal'
    group by run_id, step
)

select
    run_id, arm, method, model, sample, seed, step, accuracy_weight, sampled_accuracy, greedy_accuracy, shifted_accuracy
from held_out
join weights using (run_id)
join runs using (run_id)
order by run_id, step
