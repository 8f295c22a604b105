-- Reasoning, not only answers: the shares of perceive-steps and compute-steps that are true, whether the answer follows
-- from them, and how often answer and reasoning fall apart.
with each as (
    select
        run_id, suite, problem_id, decoding, sample_index,
        count(*) filter (where kind = 'perceive') as perceived,
        count(*) filter (where kind = 'perceive' and correct) as perceived_right,
        count(*) filter (where kind = 'compute') as computed,
        count(*) filter (where kind = 'compute' and correct) as computed_right,
        count(*) filter (where kind = 'other') as others,
        bool_and(correct) filter (where kind = 'answer') as follows,
        coalesce(bool_or(not correct), false) as flawed -- a step is false, or the answer does not follow
    from traces
    group by all
)

select
    run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, suite, decoding,
    count(*) as n,
    count(*) filter (where perceived + computed > 0) / n as reasoned,
    sum(perceived)::bigint as perceive_steps,
    sum(perceived_right)::bigint / nullif(perceive_steps, 0) as perceive_correct,
    sum(computed)::bigint as compute_steps,
    sum(computed_right)::bigint / nullif(compute_steps, 0) as compute_correct,
    sum(others)::bigint as other_steps,
    count(follows) as answers,
    count(*) filter (where follows) / nullif(answers, 0) as answer_follows,
    count(*) filter (where evals.correct) as right_answers,
    count(*) filter (where evals.correct and flawed) / nullif(right_answers, 0) as right_though_flawed,
    count(*) filter (where evals.parsed and not evals.correct) as wrong_answers,
    count(*) filter (where evals.parsed and not evals.correct and follows and not flawed) / nullif(wrong_answers, 0)
        as wrong_though_sound
from each
join evals using (run_id, suite, problem_id, decoding, sample_index)
join runs using (run_id)
where evals.condition = 'normal'
group by all
