-- every sampled problem is in problems and in the training split
select samples.sample, samples.problem_id, problems.split from samples left join problems using (problem_id)
where problems.split is distinct from 'train'
