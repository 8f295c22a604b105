-- What k sampled answers to a problem are worth, for k = 1, 2, 4, … and all of them: averaged within a problem, then
-- over problems. Of n answers c are right: pass@k (one of k is right) is 1 - C(n-c,k) / C(n,k) (arXiv 2107.03374,
-- eq. 1), pass^k (all of k are) is C(c,k) / C(n,k) (arXiv 2406.12045); both are unbiased. maj@k (the answer given most
-- often is right, arXiv 2203.11171) is there for all samples alone: unread answers do not vote, equal shares draw lots.
with said as (
    select
        run_id, suite, problem_id, if(parsed, rtrim(lower(trim(extracted)), ' .'), null) as answer,
        count(*) as votes, bool_or(correct) as correct
    from evals
    where decoding = 'sampled' and condition = 'normal'
    group by all
),

elected as (
    select run_id, suite, problem_id, avg(correct::int) as majority_right
    from (from said where answer is not null qualify votes = max(votes) over (partition by run_id, suite, problem_id))
    group by all
),

problems_drawn as (
    select run_id, suite, problem_id, count(*) as drawn, count(*) filter (where correct) as hits
    from evals
    where decoding = 'sampled' and condition = 'normal'
    group by all
),

majorities as (
    select
        run_id, suite, max(drawn) as most,
        sum(coalesce(majority_right, 0) order by problem_id) / count(*) as maj_at_k
    from problems_drawn
    left join elected using (run_id, suite, problem_id)
    group by run_id, suite
),

alike as (
    select run_id, suite, drawn, hits, count(*) as n from problems_drawn group by all
),

sizes as (
    select run_id, suite, min(drawn) as samples from alike group by all
),

wanted as (
    select
        run_id, suite, samples,
        unnest(list_distinct(list_filter([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, samples], lambda i: i <= samples)))
            as k
    from sizes
),

estimates as (
    select
        wanted.*, alike.drawn, alike.hits, alike.n,
        if(drawn - hits < k, 0.0, list_product(list_transform(range(k), lambda i: (drawn - hits - i) / (drawn - i))))
            as none_right,
        if(hits < k, 0.0, list_product(list_transform(range(k), lambda i: (hits - i) / (drawn - i)))) as all_right
    from wanted
    join alike using (run_id, suite)
)

select
    run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, suite, k, samples, sum(n)::bigint as n,
    sum(n * hits / drawn order by drawn, hits) / sum(n) as avg_at_k,
    1 - sum(n * none_right order by drawn, hits) / sum(n) as pass_at_k,
    sum(n * all_right order by drawn, hits) / sum(n) as pass_hat_k,
    any_value(maj_at_k) filter (where k = samples and most = samples) as maj_at_k
from estimates
join runs using (run_id)
join majorities using (run_id, suite)
group by all
