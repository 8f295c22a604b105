-- How many of its attempts a teacher got right, by family and difficulty of the problems, and over all of them.
with tried as (
    select
        trace_set, problems.family, problems.difficulty,
        attempts, accepted, duplicates, kept
    from trace_problems
    join problems using (problem_id)
),

totals as (
    select
        trace_set,
        if(grouping(family) = 1, 'all', family) as family,
        if(grouping(difficulty) = 1, null, difficulty) as difficulty,
        count(*) as problems, count(*) filter (where kept > 0) as solved,
        sum(attempts)::bigint as attempts, sum(accepted)::bigint as accepted,
        sum(duplicates)::bigint as duplicates, sum(kept)::bigint as kept
    from tried
    group by cube (family, difficulty), trace_set
)

select
    totals.trace_set, made.kind, made.way, made.model, made.sample, made.seed, made.teacher,
    totals.family, totals.difficulty, totals.problems, totals.solved,
    totals.solved / totals.problems as coverage,
    totals.attempts, totals.accepted,
    totals.accepted / nullif(totals.attempts, 0) as acceptance,
    totals.duplicates, totals.kept
from totals
join trace_sets as made using (trace_set)
