-- The arms that are efficient by a cost that no clock decides, cheapest first.
with efficient as (
    select model, arm, sample, accuracy, 'prompts' as cost, total_prompts as spent
    from cost_curve where efficient_by_prompts
    union all
    select model, arm, sample, accuracy, 'sampled tokens', sampled_tokens from cost_curve where efficient_by_tokens
)
select
    efficient.model, cost, list({name: arms.name, spent: spent, accuracy: accuracy} order by spent, arms.position) as arms
from efficient
join arms on arms.model = efficient.model and arms.arm = efficient.arm
    and arms.sample is not distinct from efficient.sample
join models on models.model = efficient.model
where efficient.model in (select model from runs where method <> 'base')
group by efficient.model, cost, models.position
order by models.position, cost
