-- What does each other way to train buy over plain SFT and plain RL on the same sample, in domain?
select
    model, sample, arm, against, seeds, 100 * accuracy as accuracy, 100 * against_accuracy as against_accuracy,
    100 * difference as difference, 100 * low as low, 100 * high as high, p
from arm_contrasts
where suite = 'in_domain'
order by model, problems, arm, against desc
