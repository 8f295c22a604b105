-- Cross-modal: how much does each run lose on the very same problems when words replace the picture?
select
    runs.model, runs.arm, coalesce(runs.sample, '') as sample, runs.seed, count(*) as n,
    avg(picture.correct::int) as picture, avg(words.correct::int) as words,
    avg(words.correct::int - picture.correct::int) as words_minus_picture,
    count(*) filter (where picture.correct and not words.correct) as picture_only,
    count(*) filter (where words.correct and not picture.correct) as words_only
from evals as picture
join evals as words using (run_id, problem_id, condition, decoding, sample_index)
join runs using (run_id)
where picture.suite = 'in_domain' and words.suite = 'text_twin' and condition = 'normal' and decoding = 'greedy'
group by runs.model, runs.arm, runs.sample, runs.seed, runs.method
order by runs.model, runs.method <> 'base', sample, runs.arm, runs.seed
