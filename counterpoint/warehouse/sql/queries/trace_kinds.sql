-- What do other traces buy: each kind against the generator's own (oracle), beside how near they are and what they took?
select
    model, sample, kind, seeds, trace_nll, if(way = 'sampled', acceptance, null) as acceptance,
    if(way = 'sampled', coverage, null) as coverage, wrong_steps, teacher_tokens, 100 * accuracy as accuracy,
    100 * difference as against_oracle, 100 * low as low, 100 * high as high, p
from trace_kinds
where suite = 'in_domain'
order by base_accuracy, model, problems, kind <> 'oracle', kind
