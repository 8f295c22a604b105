"""An interval for a mean over seeds × items, when every seed answers the same items: two-way random effects.

Values y[s, i] = μ + seed[s] + item[i] + rest[s, i] without replication, a cluster of items taken as one item. With the
mean squares of seeds, items and rest,

    Var(mean) = (MS_seeds + MS_items − MS_rest) / (S · n)

(Searle, Casella and McCulloch, Variance Components, 1992, section 4.3), its degrees of freedom Satterthwaite's
(Biometrics Bulletin 2 (1946) 110), rounded down, as is customary, and at least the S − 1 of the seeds. Where items
come out as varying less than the rest does, the seeds' means hold all the variance. With so few seeds, that
interval is too narrow where seeds differ, so its level is calibrated (Loh, JASA 82 (1987) 155): p values are
multiplied by 1 + 4/S², and a 95 % interval is drawn at 96.5 % for three seeds, 95.7 % for five.

Simulated coverage of 95 % intervals, for a difference of two arms and a difference of differences in logits of four
(tests/counterpoint/statistics/test_crossed.py: 2,000 studies a cell; 100 and 1,000 items; a standard deviation between
seeds of 0, 1, 3 and 5 points; arms that share more or less of what is hard for them):

    8 seeds  94.2 – 96.7 %      5 seeds  94.0 – 96.5 %      4 seeds  94.2 – 96.7 %
    3 seeds  93.9 – 96.6 % (10,000 studies a cell)       2 seeds  89.0 – 98.0 %

One seed covers 94.4 – 95.2 % where seeds are alike, and its own seed alone where they are not. Two seeds are too few:
conclude nothing from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean, its interval, standard error, degrees of freedom, and the two-sided p value against the null.

    `calibration`: what p was multiplied by, and the interval's two-sided error divided by.
    """

    effect: float
    low: float
    high: float
    se: float
    df: float
    p: float
    calibration: float

    def detectable(self, power: float = 0.8, confidence: float = 0.95) -> float:
        """The least distance from the null that a study with this error finds with that power, to a good
        approximation: (t[1 − α/2] + t[power]) · se (Bloom, Evaluation Review 19 (1995) 547)."""
        from scipy import stats  # half a second, for which a mistake in the arguments need not wait

        tail = (1 - confidence) / 2 / self.calibration
        return float((stats.t.isf(tail, self.df) + stats.t.ppf(power, self.df)) * self.se)


def crossed_interval(
    values: np.ndarray,
    clusters: np.ndarray | None = None,
    null: float = 0.0,
    confidence: float = 0.95,
    unit: float = 1.0,
) -> Estimate:
    """The mean of `values` (seeds, items) over both, with its interval; `clusters` (items,) labels items that stand or
    fall together. One seed gives Student's interval clustered by item alone, C − 1 degrees of freedom, not calibrated.

    The standard error is at least `unit` / C for C clusters, with C − 1 degrees of freedom: as if one unobserved
    cluster differed by `unit`, the change that one answer makes (1 for differences of right and wrong; 0: no floor).
    So arms that never disagree get an interval about as wide as the rule of three gives, never of no width.

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

    sums, sizes = summed(values, clusters)
    effect = float(values.mean())
    variance, df = (float(value) for value in variance_and_df(linearised(sums, sizes)))
    se, least = math.sqrt(variance), unit / len(sizes)
    if se < least or df == 0:
        se, df = max(se, least), float(max(len(sizes) - 1, 1))
    calibration = calibrated(len(values))
    half = float(stats.t.isf((1 - confidence) / 2 / calibration, df)) * se
    distance = abs(effect - null)
    p = min(1.0, 2 * calibration * float(stats.t.sf(distance / se, df))) if se else float(distance == 0)
    return Estimate(effect, effect - half, effect + half, se, df, p, calibration)


def summed(values: np.ndarray, clusters: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sums (rows, clusters) of `values` (rows, items) over each cluster's items, and the clusters' sizes (clusters,);
    `clusters` (items,) labels the items, None: each item is its own."""
    if clusters is None:
        return values, np.ones(values.shape[1])
    _, codes, counts = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    return np.stack([np.bincount(codes, row, len(counts)) for row in values]), counts.astype(float)


def linearised(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A value for each cluster (rows, clusters) whose plain mean over all is the mean over items, so that clusters of
    unequal size keep their weight: that mean plus (sum − size × mean) / mean size, the ratio estimator linearised
    (Cochran, Sampling Techniques, 1977, section 6.3). Of equal clusters, their means."""
    mean = sums.sum() / (len(sums) * sizes.sum())
    return (sums - sizes * mean) / sizes.mean() + mean


def calibrated(seeds: int) -> float:
    """What p is multiplied by with so many seeds: chosen so that coverage holds in simulation, not derived."""
    return 1 + 4 / seeds**2 if seeds > 1 else 1.0


def mean_squares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean squares of seeds, items and rest of `values` (…, seeds, items), a two-way layout without replication
    (Cornfield and Tukey, Ann. Math. Stat. 27 (1956) 907); 0 where there is one seed or one item alone."""
    seeds, items = values.shape[-2:]
    mean = values.mean((-2, -1), keepdims=True)
    by_seed, by_item = values.mean(-1, keepdims=True) - mean, values.mean(-2, keepdims=True) - mean
    rest = ((values - mean - by_seed - by_item) ** 2).sum((-2, -1))
    return (
        items * (by_seed**2).sum((-2, -1)) / max(seeds - 1, 1),
        seeds * (by_item**2).sum((-2, -1)) / max(items - 1, 1),
        rest / (max(seeds - 1, 1) * max(items - 1, 1)),
    )


def variance_and_df(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The variance of the mean of `values` (…, seeds, items), and its degrees of freedom.

    Where nothing varies the variance is 0; a single item in a single seed has no degrees of freedom.
    """
    seeds, items = values.shape[-2:]
    of_seeds, of_items, rest = mean_squares(values)
    if seeds == 1:
        return of_items / items, np.full_like(of_items, items - 1)
    total = np.maximum(of_seeds + of_items - rest, of_seeds)
    squares = of_seeds**2 / (seeds - 1)
    if items > 1:
        squares = squares + of_items**2 / (items - 1) + rest**2 / ((seeds - 1) * (items - 1))
    df = np.divide(total**2, squares, out=np.ones_like(squares), where=squares > 0)
    return total / (seeds * items), np.maximum(np.floor(df), seeds - 1)


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
