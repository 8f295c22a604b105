-- Where does SFT win, where RL: SFT − RL in domain by base competence, sample and kind of traces (points)?
select
    kind, model, 100 * base_accuracy as base, sample, seeds, 100 * sft as sft, 100 * rl as rl,
    100 * difference as difference, 100 * low as low, 100 * high as high, p,
    case when not significant then 'not told apart' when difference > 0 then 'SFT' else 'RL' end as ahead
from phase
where suite = 'in_domain'
order by kind <> 'oracle', kind, base_accuracy, model, problems
