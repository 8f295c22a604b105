-- every evaluated problem is in problems
select distinct problem_id from evals anti join problems using (problem_id)
