-- The claims with their verdicts, each with its primary contrasts.
select
    finding, claim, finding_reason as reason,
    finding_verdict || coalesce(' (' || finding_direction || ' it)', '') as verdict,
    list({
        contrast: contrast, model: model, suite: suite, unit: case when first is null then 'share of runs' else unit end,
        effect: coalesce(effect_logits, effect), low: low, high: high, null_value: null_value, p: p_holm, seeds: seeds,
        n: n, verdict: verdict || coalesce(' (' || direction || ')', '')
    } order by models.position, model, contrast)
        filter (role = 'primary' and matched_on = 'end' and effect is not null) as contrasts
from findings
join claims using (finding)
left join models using (model)
group by finding, claim, finding_reason, finding_verdict, finding_direction, claims.position
order by claims.position
