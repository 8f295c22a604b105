-- Whether answers follow from their reasoning, accuracy without the picture and pass@k after training, each beside that
-- of the base of the same model; k as in the mart `reliability`.
with k as (
    select run_id, suite, max(k) as k from pass_k where k <= greatest(1, samples // 2) group by run_id, suite
),

measured as (
    select
        runs.run_id, runs.model, runs.method, accuracy.suite, faithfulness.answer_follows,
        blank.accuracy as blank_accuracy, pass_k.k, pass_k.pass_at_k
    from runs
    join accuracy on accuracy.run_id = runs.run_id and condition = 'normal' and family = 'all'
    left join accuracy as blank
        on blank.run_id = runs.run_id and blank.suite = accuracy.suite and blank.condition = 'no_image'
        and blank.family = 'all'
    left join faithfulness
        on faithfulness.run_id = runs.run_id and faithfulness.suite = accuracy.suite
        and faithfulness.decoding = 'greedy'
    left join k on k.run_id = runs.run_id and k.suite = accuracy.suite
    left join pass_k on pass_k.run_id = runs.run_id and pass_k.suite = accuracy.suite and pass_k.k = k.k
)

select
    measured.run_id, measured.suite, measured.answer_follows, base.answer_follows as base_answer_follows,
    measured.blank_accuracy, base.blank_accuracy as base_blank_accuracy, measured.k, measured.pass_at_k,
    if(base.k = measured.k, base.pass_at_k, null) as base_pass_at_k
from measured
left join measured as base on base.method = 'base' and base.model = measured.model and base.suite = measured.suite
where measured.method <> 'base'
order by measured.run_id, measured.suite
