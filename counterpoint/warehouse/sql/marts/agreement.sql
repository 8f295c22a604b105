-- Whether one state gets one answer: greedy answers in domain against those to the same state in other words (a
-- problem with the tag `of:ID`) or in another rendering (the same problem in another suite). The suite `all` takes
-- every view of a state that asks the same question at once.
with shown as (
    select
        evals.run_id, evals.suite, evals.problem_id, evals.correct,
        if(evals.parsed, rtrim(lower(trim(evals.extracted)), ' .'), null) as said,
        coalesce(list_filter(problems.tags, lambda tag: starts_with(tag, 'of:'))[1][4:], problem_id) as origin,
        split_part(problems.template_id, '.', 1) || '.' || split_part(problems.template_id, '.', 2) as asked
    from evals
    join problems using (problem_id)
    where evals.decoding = 'greedy' and evals.sample_index = 0 and evals.condition = 'normal'
),

pairs as (
    select
        other.run_id, other.suite, other.origin, own.correct as own_correct, other.correct as other_correct,
        own.asked is not distinct from other.asked as same_question,
        if(same_question, coalesce(own.said = other.said, false), null) as same_answer
    from shown as other
    join shown as own on own.run_id = other.run_id and own.suite = 'in_domain' and own.problem_id = other.origin
    where other.suite <> 'in_domain'
),

states as (
    select
        run_id, origin, bool_and(own_correct and other_correct) as all_right,
        not bool_or(own_correct or other_correct) as none_right, bool_and(same_answer) as same_answer
    from pairs
    where same_question
    group by all
),

counted as (
    select
        run_id, suite, count(*) as n, count(*) filter (where own_correct and other_correct) as all_right,
        count(*) filter (where own_correct and not other_correct) as in_domain_only,
        count(*) filter (where other_correct and not own_correct) as view_only,
        count(*) filter (where not own_correct and not other_correct) as none_right,
        count(same_answer) as compared, count(*) filter (where same_answer) as same
    from pairs
    group by all
    union all
    select
        run_id, 'all', count(*), count(*) filter (where all_right), null, null, count(*) filter (where none_right),
        count(*), count(*) filter (where same_answer)
    from states
    group by all
)

select
    run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, suite, n, all_right, in_domain_only, view_only,
    none_right, (all_right + none_right) / n as agreement, same / nullif(compared, 0) as same_answer
from counted
join runs using (run_id)
