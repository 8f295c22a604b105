-- What an arm can be relied on for, its seeds taken together: the worst of them, how many beat the base, how often all
-- of k answers are right, whether one state gets one answer, and whether the reasoning is true. Means are over seeds;
-- `k` is the largest of pass_k of which the samples hold two, so that an estimate does not hang on a single draw.
with fitting as (
    select run_id, suite, max(k) as k from pass_k where k <= greatest(1, samples // 2) group by all
),

drawn as (
    from pass_k semi join fitting using (run_id, suite, k)
),

each as (
    select
        own.run_id, own.model, own.arm, own.method, own.sample, own.seed, own.suite, own.n, own.accuracy,
        base.accuracy as base_accuracy,
        if(own.method = 'base', null, own.accuracy > base.accuracy) as above_base,
        drawn.samples, drawn.k, drawn.avg_at_k, drawn.pass_at_k, drawn.pass_hat_k,
        agreement.agreement, agreement.same_answer,
        faithfulness.perceive_correct, faithfulness.compute_correct, faithfulness.answer_follows
    from accuracy as own
    left join accuracy as base
        on base.method = 'base' and base.model = own.model and base.suite = own.suite
        and base.condition = own.condition and base.family = own.family
    left join drawn on drawn.run_id = own.run_id and drawn.suite = own.suite
    left join agreement
        on agreement.run_id = own.run_id and agreement.suite = if(own.suite = 'in_domain', 'all', own.suite)
    left join faithfulness
        on faithfulness.run_id = own.run_id and faithfulness.suite = own.suite and faithfulness.decoding = 'greedy'
    where own.condition = 'normal' and own.family = 'all'
)

select
    model, arm, method, sample, suite,
    count(*) as seeds, max(n) as n,
    avg(accuracy order by run_id) as accuracy,
    min(accuracy) as worst_seed,
    max(accuracy) as best_seed,
    any_value(base_accuracy) as base_accuracy,
    count(*) filter (where above_base) as seeds_above_base,
    count(*) filter (where above_base) / nullif(count(above_base), 0) as share_above_base,
    max(samples) as samples, max(k) as k,
    avg(avg_at_k order by run_id) as avg_at_k,
    avg(pass_at_k order by run_id) as pass_at_k,
    avg(pass_hat_k order by run_id) as pass_hat_k,
    avg(agreement order by run_id) as agreement,
    avg(same_answer order by run_id) as same_answer,
    avg(perceive_correct order by run_id) as perceive_correct,
    avg(compute_correct order by run_id) as compute_correct,
    avg(answer_follows order by run_id) as answer_follows
from each
group by all
