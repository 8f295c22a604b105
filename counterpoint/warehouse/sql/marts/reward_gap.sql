-- What a run's reward is made of, at every probe. Training values are means over the steps since the previous probe that
-- have a reward; those of the probe before the first step are the first step's, whose completions that very model wrote.
-- With w the weight of the terms that claim to judge answers (kind `accuracy`) and m what they give, S the strict judge's
-- share right of the same completions, H and G held-out accuracy in domain, sampled and greedy, and T greedy on the
-- shifted suites:
--     format, length, noise = the weighted terms of that kind
--     verifier = w m - w S            the run's own judge against the strict one, same completions
--     memorisation = w (S - H)        problems trained on against held-out ones, both sampled
--     decoding = w (H - G)            sampled against greedy, same problems
--     earned = w G
-- add up to the reward. Beside them over_specialisation = G - T, in domain against shifted.
with spans as (
    select run_id, step, lag(step, 1, -1) over (partition by run_id order by step) as previous
    from (select distinct run_id, step from probes)
),

rewarded as (
    select * from steps where reward is not null
),

seen as (
    select spans.run_id, spans.step, rewarded.step as seen_step
    from spans
    join rewarded
        on rewarded.run_id = spans.run_id
        and (rewarded.step > previous and rewarded.step <= spans.step or spans.step = 0 and rewarded.step = 1)
),

weights as (
    select run_id, coalesce(sum(weight order by term) filter (where kind = 'accuracy'), 0) as accuracy_weight
    from (select run_id, term, any_value(weight) as weight from rewards group by run_id, term)
    join term_kinds using (term)
    group by run_id
),

paid as (
    select
        run_id, step,
        coalesce(sum(weight * mean order by term) filter (where kind = 'accuracy'), 0) as accuracy_part,
        coalesce(sum(weight * mean order by term) filter (where kind = 'format'), 0) as format_gap,
        coalesce(sum(weight * mean order by term) filter (where kind = 'length'), 0) as length_gap,
        coalesce(sum(weight * mean order by term) filter (where kind = 'noise'), 0) as noise_gap
    from rewards
    join term_kinds using (term)
    group by run_id, step
),

trained as (
    select
        seen.run_id, seen.step, count(*) as steps_since_probe, avg(reward order by seen_step) as reward,
        avg(accuracy_part order by seen_step) as accuracy_part, avg(format_gap order by seen_step) as format_gap,
        avg(length_gap order by seen_step) as length_gap, avg(noise_gap order by seen_step) as noise_gap,
        avg(strict_accuracy order by seen_step) as strict_accuracy, avg(exploited order by seen_step) as exploited,
        avg(completion_length order by seen_step) as mean_length, avg(entropy order by seen_step) as entropy,
        avg(kl order by seen_step) as kl, avg(rewarded.truncated_fraction order by seen_step) as truncated_fraction,
        avg(parsed_fraction order by seen_step) as parsed_fraction,
        avg(zero_advantage_fraction order by seen_step) as zero_advantage_fraction
    from seen
    join rewarded on rewarded.run_id = seen.run_id and rewarded.step = seen.seen_step
    join paid on paid.run_id = seen.run_id and paid.step = seen.seen_step
    left join verifier_audit on verifier_audit.run_id = seen.run_id and verifier_audit.step = seen.seen_step
    group by seen.run_id, seen.step
),

held_out as (
    select
        run_id, step,
        any_value(accuracy) filter (where suite = 'in_domain' and decoding = 'sampled') as sampled_accuracy,
        any_value(accuracy) filter (where suite = 'in_domain' and decoding = 'greedy') as greedy_accuracy,
        avg(accuracy order by suite) filter (
            where suite in ('rule_shift', 'visual_shift', 'difficulty_shift') and decoding = 'greedy'
        ) as shifted_accuracy
    from probes
    where condition = 'normal'
    group by run_id, step
)

select
    run_id, runs.arm, runs.method, runs.model, runs.sample, runs.seed, step, steps_since_probe, reward, accuracy_weight,
    accuracy_part, strict_accuracy, sampled_accuracy, greedy_accuracy, shifted_accuracy,
    accuracy_weight * greedy_accuracy as earned,
    format_gap, length_gap, noise_gap,
    accuracy_part - accuracy_weight * strict_accuracy as verifier_gap,
    accuracy_weight * (strict_accuracy - sampled_accuracy) as memorisation_gap,
    accuracy_weight * (sampled_accuracy - greedy_accuracy) as decoding_gap,
    greedy_accuracy - shifted_accuracy as over_specialisation_gap,
    exploited, mean_length, entropy, kl, truncated_fraction, parsed_fraction, zero_advantage_fraction
from trained
join weights using (run_id)
join held_out using (run_id, step)
join runs using (run_id)
