"""What a study's tables say: effects with intervals, the verdicts on the paper's claims, and whether rewards tell the
truth. docs/PREREGISTRATION.md fixed what is tested and how before the study was first run.

    study.py     the only reader of runs, answers, probes and costs     sql/      its queries
    claims.py    the claims as data                     effects.py     from answers to effects
    matched.py   the same effects at equal budgets      verdict.py     Holm's correction and the verdicts
    prevalence.py   how many honest runs have a deceptive reward     printed.py   findings as text
    findings.py  the mart `findings`                    arms.py        marts of accuracies and differences by arm
    reward_gap.py   the mart that takes rewards apart
    deceptive_rewards.py   the marts `deceptive_rewards` and `deceptive_arms`
"""

from counterpoint.analysis import arms, deceptive_rewards, findings, reward_gap
from counterpoint.analysis.study import Study

# the marts that are not SQL alone, by name: what computes them from a study, one or several tables by name
COMPUTED = {
    "claimed": findings.claimed,
    "findings": findings.compute,
    **{name: module.compute for module in (arms, deceptive_rewards, reward_gap) for name in module.TABLES},
}
TABLES = findings.TABLES | arms.TABLES | deceptive_rewards.TABLES | reward_gap.TABLES

__all__ = ["COMPUTED", "TABLES", "Study"]
