-- Every optimizer step that earned a reward: what its reward terms paid by what they pay for, weights included, and what
-- the strict judge says of its completions.
with paid as (
    select
        run_id, step,
        coalesce(sum(weight * mean order by term) filter (where kind = 'accuracy'), 0) as accuracy_part,
        coalesce(sum(weight * mean order by term) filter (where kind = 'format'), 0) as format_gap,
        coalesce(sum(weight * mean order by term) filter (where kind = 'length'), 0) as length_gap,
        coalesce(sum(weight * mean order by term) filter (where kind = 'noise'), 0) as noise_gap
    from rewards
    join term_kinds using (term)
    group by run_id, step
)

select
    run_id, step, reward, accuracy_part, format_gap, length_gap, noise_gap, strict_accuracy, exploited,
    completion_length as mean_length, entropy, kl, steps.truncated_fraction, parsed_fraction, zero_advantage_fraction
from steps
join paid using (run_id, step)
left join verifier_audit using (run_id, step)
where reward is not null
order by run_id, step
