"""Are two arms equally accurate, within a margin stated beforehand? Two one-sided tests over seeds, paired by item.

Schuirmann (J. Pharmacokin. Biopharm. 15 (1987) 657): they are equivalent at level α when the interval of confidence
1 − 2α for their difference lies within ± margin; so 90 % for α = 5 %. Accuracies and margins are fractions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from counterpoint.statistics.crossed import summed

FEWEST, MOST = 3, 1000  # seeds between which the number needed is sought
BATCH = 500  # replicates at a time: what a bootstrap holds in memory is this times the clusters


@dataclass(frozen=True)
class Finding:
    """The mean difference, its intervals (low, high), and what the wider of the two says."""

    difference: float
    per_seed: tuple[float, ...]
    t: tuple[float, float]
    bootstrap: tuple[float, float]
    wider: str  # t or bootstrap
    verdict: str  # equivalent, not equivalent, inconclusive

    @property
    def interval(self) -> tuple[float, float]:
        return getattr(self, self.wider)


def assess(
    items: np.ndarray, clusters: np.ndarray, margin: float, confidence: float = 0.9, replicates: int = 10_000
) -> Finding:
    """What paired items say. `items` (seeds, problems): correct in one arm less correct in the other, −1, 0 or 1;
    `clusters` (problems): problems with the same number stand or fall together.

    Raises `ValueError` for fewer than two seeds, no problems, a margin not above 0 or a confidence not within 0 and 1.
    """
    if items.ndim != 2 or items.shape[0] < 2 or items.shape[1] < 1:
        raise ValueError(f"two seeds and one problem are the least, not {items.shape}")
    if not margin > 0 or not 0 < confidence < 1:
        raise ValueError(f"margin {margin} must be above 0 and confidence {confidence} between 0 and 1")
    per_seed = items.mean(1)
    t, bootstrap = t_interval(per_seed, confidence), bootstrap_interval(items, clusters, confidence, replicates)
    wider = "t" if t[1] - t[0] >= bootstrap[1] - bootstrap[0] else "bootstrap"
    decided = verdict(*(t if wider == "t" else bootstrap), margin)
    return Finding(float(per_seed.mean()), tuple(per_seed.tolist()), t, bootstrap, wider, decided)


def verdict(low: float, high: float, margin: float) -> str:
    """`equivalent` when the interval lies within ± margin, `not equivalent` when beyond it, else `inconclusive`."""
    if -margin < low and high < margin:
        return "equivalent"
    return "not equivalent" if low > margin or high < -margin else "inconclusive"


def t_interval(per_seed: np.ndarray, confidence: float) -> tuple[float, float]:
    """Student's interval for the mean of the seeds' differences, one degree of freedom less than there are seeds."""
    from scipy import stats  # half a second, for which a mistake in the arguments need not wait

    n = len(per_seed)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * per_seed.std(ddof=1) / math.sqrt(n)
    return float(per_seed.mean() - half), float(per_seed.mean() + half)


def bootstrap_interval(
    items: np.ndarray, clusters: np.ndarray, confidence: float, replicates: int, seed: int = 0
) -> tuple[float, float]:
    """Percentiles of the mean difference when seeds and clusters of problems are both drawn with replacement.

    Every seed answers the same problems, so a replicate draws its problems once for all of its seeds (Owen, Annals of
    Applied Statistics 1 (2007) 386, the pigeonhole bootstrap). With few seeds it is too narrow by itself.
    """
    seeds = items.shape[0]
    sums, sizes = summed(items, clusters)
    rng = np.random.default_rng(seed)
    means = []
    for start in range(0, replicates, BATCH):
        drawn = min(BATCH, replicates - start)
        weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), drawn)
        counts = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), drawn)
        means.append(((weights @ sums) * counts).sum(1) / (seeds * (counts @ sizes)))
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def power(seeds: int, sd: float, margin: float, difference: float = 0.0, confidence: float = 0.9) -> float:
    """The chance that the t interval of so many seeds lies within ± margin, if `sd` is the standard deviation of a
    seed's difference and `difference` the true mean.

    The shifted central t approximation (`method = "shifted"` of the R package PowerTOST); low where power is low.
    """
    from scipy import stats

    if sd == 0:
        return float(abs(difference) < margin)
    error, df = sd / math.sqrt(seeds), seeds - 1
    bound = stats.t.ppf((1 + confidence) / 2, df)
    below, above = (stats.t.cdf((margin - sign * difference) / error - bound, df) for sign in (1, -1))
    return float(max(0.0, below + above - 1))


def seeds_needed(
    sd: float, margin: float, difference: float = 0.0, confidence: float = 0.9, wanted: float = 0.8
) -> int | None:
    """The least number of seeds, three or more, with the wanted power; None when a thousand would not do."""
    if abs(difference) >= margin or power(MOST, sd, margin, difference, confidence) < wanted:
        return None
    return next(n for n in range(FEWEST, MOST + 1) if power(n, sd, margin, difference, confidence) >= wanted)
