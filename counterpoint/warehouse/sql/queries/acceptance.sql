-- How often was each teacher right, for how many problems did it leave a trace, and how hard were they?
select
    kind, coalesce(teacher, '') as teacher, made.sample, made.seed, family,
    coalesce(difficulty::varchar, 'all') as difficulty, made.problems, coverage, made.attempts, acceptance,
    made.duplicates, made.kept
from acceptance as made
order by kind, made.model nulls first, made.sample, made.seed, family = 'all', family, made.difficulty nulls last
