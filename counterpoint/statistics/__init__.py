"""Statistics: intervals over seeds and items, paired tests, pass@k, and the verdict on a reward.

docs/statistics.md says which is used where and how well each covers. Shares, effects and margins are fractions, not
points. scipy, arch and ruptures are imported inside the functions that call them: each takes half a second or more.
"""

from counterpoint.statistics.shares import holm, mcnemar, pass_at_k, wilson_interval

__all__ = ["holm", "mcnemar", "pass_at_k", "wilson_interval"]
