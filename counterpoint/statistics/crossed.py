"""An interval for a mean over seeds × items, when every seed answers the same items: two-way random effects.

Values y[s, i] = μ + seed[s] + item[i] + rest[s, i] without replication, a cluster of items taken as one item. With the
mean squares of seeds, items and rest,

    Var(mean) = (MS_seeds + MS_items − MS_rest) / (S · n)

(Searle, Casella and McCulloch, Variance Components, 1992, section 4.3), its degrees of freedom Satterthwaite's
(Biometrics Bulletin 2 (1946) 110), rounded down, as is customary. A component of variance that comes out below zero is
taken for zero: where MS_seeds is no more than MS_rest, seeds do not differ and the variance is that over items alone.

Simulated coverage of 95 % intervals, for a difference of two arms and a difference of differences in logits of four
(tests/counterpoint/statistics/test_crossed.py: 2,000 studies a cell; 100 and 1,000 items; a standard deviation between
seeds of 0, 1, 3 and 5 points; arms that share more or less of what is hard for them):

    5 seeds  93.6 – 96.8 %      3 seeds  92.6 – 97.0 %      2 seeds  86.8 – 97.0 %

One seed covers 94.4 – 95.2 % where seeds are alike, and its own seed alone where they are not. It is a little
conservative where seeds do not differ, and too narrow where they differ by much more than the items' own error: there
all rests on as many values as there are seeds. Two seeds are too few for it: conclude nothing from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean, its interval, standard error, degrees of freedom, and the two-sided p value against the null."""

    effect: float
    low: float
    high: float
    se: float
    df: float
    p: float

    def detectable(self, power: float = 0.8, confidence: float = 0.95) -> float:
        """The least distance from the null that a study with this error finds with that power, to a good
        approximation: (t[1 − α/2] + t[power]) · se (Bloom, Evaluation Review 19 (1995) 547)."""
        from scipy import stats  # half a second, for which a mistake in the arguments need not wait

        return float((stats.t.ppf((1 + confidence) / 2, self.df) + stats.t.ppf(power, self.df)) * self.se)


def crossed_interval(
    values: np.ndarray,
    clusters: np.ndarray | None = None,
    null: float = 0.0,
    confidence: float = 0.95,
    unit: float = 1.0,
) -> Estimate:
    """The mean of `values` (seeds, items) over both, with Student's interval; `clusters` (items,) labels items that
    stand or fall together. One seed gives the interval clustered by item alone, C − 1 degrees of freedom.

    The standard error is at least `unit` / C for C clusters, as if one cluster of a kind not met had differed by `unit`
    (the change that one answer makes: 1 for differences of right and wrong; 0 takes the floor away), with C − 1 degrees
    of freedom: arms that never disagree get an interval about as wide as the rule of three gives, never of no width.

    Raises `ValueError` for values that are not (seeds, items) with at least one of each, or not finite, for clusters of
    another length and for a confidence not between 0 and 1.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"one seed and one item are the least, not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite")
    if clusters is not None and np.shape(clusters) != values.shape[1:]:
        raise ValueError(f"{values.shape[1]} items need as many clusters, not {np.shape(clusters)}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must be between 0 and 1")
    from scipy import stats

    effect, variance, df = (float(found[0]) for found in mean_and_variance(by_cluster(values, clusters)[None]))
    count = values.shape[1] if clusters is None else len(np.unique(clusters))
    se = math.sqrt(variance)
    if se < unit / count or df == 0:
        se, df = max(se, unit / count), float(max(count - 1, 1))
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * se
    distance = abs(effect - null)
    p = 2 * float(stats.t.sf(distance / se, df)) if se else float(distance == 0)
    return Estimate(effect, effect - half, effect + half, se, df, p)


def by_cluster(values: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    """`values` (seeds, items) with a cluster as one item: (seeds, clusters), of the same mean.

    The mean of items is a ratio of sums over clusters; each cluster gets its sum's residual from that ratio, over the
    mean size (the ratio estimator linearised; Cochran, Sampling Techniques, 1977, section 6.3). Equal clusters: means.
    """
    if clusters is None:
        return values
    _, place = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(place)
    sums = np.stack([np.bincount(place, row, len(sizes)) for row in values])
    mean = values.mean()
    return (sums - sizes * mean) / sizes.mean() + mean


def mean_and_variance(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of `values` (studies, seeds, items): each study's mean, the variance of that mean, and its degrees of freedom.

    Where nothing varies the variance is 0, and the degrees of freedom are those of the items; a single item in a single
    seed has none.
    """
    _, seeds, items = values.shape
    mean = values.mean((1, 2))
    by_seed, by_item = values.mean(2) - mean[:, None], values.mean(1) - mean[:, None]
    of_items = seeds * (by_item**2).sum(1) / max(items - 1, 1)
    if seeds == 1:
        return mean, of_items / items, np.full(len(values), items - 1.0)
    of_seeds = items * (by_seed**2).sum(1) / (seeds - 1)
    rest = ((values - mean[:, None, None] - by_seed[:, :, None] - by_item[:, None, :]) ** 2).sum((1, 2))
    of_rest = rest / ((seeds - 1) * max(items - 1, 1))
    total = np.maximum(of_seeds + of_items - of_rest, of_seeds)
    squares = of_seeds**2 / (seeds - 1)
    if items > 1:
        squares += of_items**2 / (items - 1) + of_rest**2 / ((seeds - 1) * (items - 1))
    df = np.divide(total**2, squares, out=np.ones(len(values)), where=squares > 0)
    alike = of_seeds <= of_rest if items > 1 else np.zeros(len(values), bool)
    total = np.where(alike, np.maximum(of_items, of_rest), total)
    df = np.where(alike, items - 1, np.maximum(np.floor(df), seeds - 1))
    return mean, total / (seeds * items), df


def logit_values(arms: Sequence[tuple[int, np.ndarray]], clusters: int) -> tuple[np.ndarray, float]:
    """Σ sign · logit(accuracy) over `arms`, pairs of a sign (+1 or −1) and answers (seeds, items), 0 or 1, as values
    (seeds, items) whose mean it is, and the `unit` for `crossed_interval`.

    Each arm's logit is linearised at its own mean p (delta method): logit p + (y − p) / (p (1 − p)). An arm always or
    never right takes p half an item from the end, 1 / (2 (C + 1)) of the way for C `clusters` (Haldane's correction,
    Annals of Human Genetics 20 (1956) 309); the unit, the steepest arm's 1 / (p (1 − p)), then makes the standard error
    2 or more.
    """
    total, unit = 0.0, 0.0
    for sign, answers in arms:
        mean = float(answers.mean())
        edge = 0.5 / (clusters + 1)
        p = min(max(mean, edge), 1 - edge) if mean in (0.0, 1.0) else mean
        slope = 1 / (p * (1 - p))
        total = total + sign * (math.log(p / (1 - p)) + slope * (answers - mean))
        unit = max(unit, slope)
    return np.asarray(total, dtype=float), unit
