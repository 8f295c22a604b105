-- What does the study say of each claim, on which effect, interval and p value? (primary contrasts; `make findings`)
select
    finding, contrast, model, suite, round(coalesce(effect_logits, effect), 2) as effect, unit, round(low, 2) as low,
    round(high, 2) as high, null_value, round(p_holm, 4) as p_holm, seeds, n,
    verdict || coalesce(' ' || direction, '') as verdict,
    finding_verdict || coalesce(' ' || finding_direction, '') as finding_verdict
from findings
where role = 'primary'
order by finding, model, contrast
