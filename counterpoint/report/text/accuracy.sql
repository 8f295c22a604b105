-- Accuracy over seeds of the arms that the report prints, suite by suite.
with trained as (
    select model, arm, sample, avg(updates) as updates, avg(prompts_seen) as prompts from runs group by all
), above as (
    select model, arm, sample, seeds_above_base from reliability where suite = getvariable('main')
)
select
    arms.title, arms.method, arm_accuracy.model, trained.updates, trained.prompts,
    max(arm_accuracy.seeds) as seeds, any_value(above.seeds_above_base) as above_base,
    map_from_entries(list((suite, {accuracy: accuracy, low: low, high: high}))) as suites
from arms
join arm_accuracy on arms.model = arm_accuracy.model and arms.arm = arm_accuracy.arm
    and arms.sample is not distinct from arm_accuracy.sample
join trained on arms.model = trained.model and arms.arm = trained.arm and arms.sample is not distinct from trained.sample
left join above on arms.model = above.model and arms.arm = above.arm and arms.sample is not distinct from above.sample
where arms.printed
group by arms.title, arms.method, arm_accuracy.model, trained.updates, trained.prompts, arms.position
order by arms.position
