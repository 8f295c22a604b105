-- What does one point of in-domain accuracy over the base cost each arm? (no cost is given where nothing was gained)
with sizes as (
    select sample, count(*) as size from samples group by sample
)

select
    model, arm, sample, seed, 100 * gain as points_gained, total_prompts, total_updates,
    if(gain > 0, total_prompts / (100 * gain), null) as prompts_per_point,
    if(gain > 0, total_updates / (100 * gain), null) as updates_per_point,
    if(gain > 0, total_trained_tokens / (100 * gain), null) as trained_tokens_per_point,
    if(gain > 0, total_train_seconds / (100 * gain), null) as seconds_per_point
from cost_efficiency
left join sizes using (sample)
order by model, size, arm, seed
