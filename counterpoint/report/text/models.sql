-- What was run, a row a model.
select
    model, max(parameters) as parameters,
    count(distinct arm || ' ' || sample) filter (method <> 'base') as arms,
    count(*) filter (method <> 'base') as runs,
    string_agg(distinct seed::varchar, ', ' order by seed::varchar) filter (method <> 'base') as seeds,
    sum(generated_tokens) as generated_tokens, sum(trained_tokens) as trained_tokens
from runs
join models using (model)
group by model, models.position
order by models.position
