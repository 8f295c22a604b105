-- What are k sampled answers worth: one of them right (pass@k), all of them (pass^k), on average (avg@k), means over seeds?
with sizes as (
    select sample, count(*) as size from samples group by sample
)

select
    model, arm, coalesce(sample, '') as sample, suite, k, count(*) as seeds, max(n) as n,
    avg(avg_at_k order by run_id) as avg_at_k, avg(pass_at_k order by run_id) as pass_at_k,
    avg(pass_hat_k order by run_id) as pass_hat_k
from pass_k
left join sizes using (sample)
group by model, arm, method, sample, size, suite, k
order by model, suite, method <> 'base', size, arm, k
