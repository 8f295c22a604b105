-- Every suite of every base beside what can be answered blind: without the picture (or its words), with another's, and
-- by always giving the most frequent answer of the family. `measurable`: the base's interval lies above the majority
-- answer and above the intervals of the blind conditions that were asked (null when none was asked). `solved_blind`: the
-- best of the three gets half or more right, and four fifths of what the base gets right with everything in sight.
with cells as (
    select
        run_id, model, suite, n, majority,
        any_value(accuracy) filter (where condition = 'normal') over by_suite as accuracy,
        any_value(low) filter (where condition = 'normal') over by_suite as low,
        any_value(high) filter (where condition = 'normal') over by_suite as high,
        any_value(accuracy) filter (where condition = 'no_image') over by_suite as no_image,
        any_value(high) filter (where condition = 'no_image') over by_suite as no_image_high,
        any_value(accuracy) filter (where condition = 'shuffled_image') over by_suite as shuffled_image,
        any_value(high) filter (where condition = 'shuffled_image') over by_suite as shuffled_image_high,
        condition
    from accuracy
    where method = 'base' and family = 'all'
    window by_suite as (partition by run_id, suite)
)

select
    run_id, model, suite, n, accuracy, low, high, no_image, shuffled_image, majority,
    greatest(no_image, shuffled_image, majority) as best_blind,
    case
        when low <= majority then false
        when no_image is null and shuffled_image is null then null
        else low > greatest(no_image_high, shuffled_image_high)
    end as measurable,
    best_blind >= 0.5 and best_blind >= 0.8 * accuracy as solved_blind
from cells
where condition = 'normal'
