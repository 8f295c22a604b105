"""Statistics: intervals, paired tests, resampling over seeds and items, decisions within a margin, power, and pass@k.

docs/statistics.md says which is used where and how well each covers. Shares, effects and margins are fractions, not
points. scipy and statsmodels are imported inside the functions that call them.
"""

from counterpoint.statistics.bootstrap import Resampled, hierarchical_bootstrap, paired_bootstrap
from counterpoint.statistics.clustered import ClusteredMean, FewClustersWarning, clustered_mean
from counterpoint.statistics.decisions import OneSidedTests, holm, two_one_sided_tests
from counterpoint.statistics.power import minimum_detectable_effect
from counterpoint.statistics.proportions import Discordance, discordance, mcnemar_exact, wilson_interval
from counterpoint.statistics.sampling import avg_at_k, maj_at_k, pass_at_k

__all__ = [
    "ClusteredMean",
    "Discordance",
    "FewClustersWarning",
    "OneSidedTests",
    "Resampled",
    "avg_at_k",
    "clustered_mean",
    "discordance",
    "hierarchical_bootstrap",
    "holm",
    "maj_at_k",
    "mcnemar_exact",
    "minimum_detectable_effect",
    "paired_bootstrap",
    "pass_at_k",
    "two_one_sided_tests",
    "wilson_interval",
]
