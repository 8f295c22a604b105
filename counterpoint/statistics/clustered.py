"""A mean over items that come in clusters: all problems of one latent state stand or fall together."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FEW = 30  # clusters below which a clustered standard error varies too much to be taken at its word


class FewClustersWarning(UserWarning):
    """A standard error from so few clusters is itself uncertain, and too small on average when their sizes differ."""


class ClusteredMean(NamedTuple):
    """The mean over items, its standard error, the number of clusters, degrees of freedom, and the interval."""

    mean: float
    se: float
    clusters: int
    df: int
    low: float
    high: float


def clustered_mean(
    values: Sequence[float] | np.ndarray, clusters: Sequence | np.ndarray | None = None, confidence: float = 0.95
) -> ClusteredMean:
    """The mean of `values` (items) and Student's interval around it, clusters − 1 degrees of freedom.

    `clusters` (items) names the cluster of each item; None: each item is its own. For two runs on the same items give
    the differences. The standard error is that of Miller, arXiv 2411.00640: the root of the sum over
    clusters of (Σ of an item's value less the mean)², over n; times √(C / (C − 1)) for C clusters (Liang and Zeger,
    Biometrika 73 (1986) 13, with the correction of statsmodels' `cov_type="cluster"`). All values equal give a width
    of 0: for a share near 0 or 1 take `wilson_interval`.

    Warns with `FewClustersWarning` below 30 clusters; raises `ValueError` below two, for values that are not finite,
    for lengths that differ, and for a confidence outside 0 to 1.
    """
    from scipy.stats import t

    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1")
    values = np.asarray(values, float)
    sums, sizes = by_cluster(values[None], clusters)
    mean = float(values.mean())
    number = len(sizes)
    within = sums[0] - sizes * mean
    se = math.sqrt(within @ within * number / (number - 1)) / len(values)
    half = float(t.ppf((1 + confidence) / 2, number - 1)) * se
    return ClusteredMean(mean, se, number, number - 1, mean - half, mean + half)


def by_cluster(values: np.ndarray, clusters: Sequence | np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Sums (rows, clusters) of `values` (rows, items) over each cluster's items, and the clusters' sizes (clusters).

    `clusters` (items), or None: each item is its own. Warns and raises as `clustered_mean` does.
    """
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError("values must be finite, one for each item")
    if clusters is not None and np.shape(clusters) != values.shape[1:]:
        raise ValueError(f"{np.shape(clusters)} names of clusters for {values.shape[1:]} items")
    sums, sizes = summed(values, clusters)
    if len(sizes) < 2:
        raise ValueError(f"{len(sizes)} cluster: at least two are needed to see how clusters vary")
    if len(sizes) < FEW:
        warnings.warn(
            f"{len(sizes)} clusters, fewer than {FEW}: the standard error is itself uncertain",
            FewClustersWarning,
            stacklevel=3,
        )
    return sums, sizes


def summed(values: np.ndarray, clusters: Sequence | np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """`by_cluster` of as few clusters as there are, checked by nobody."""
    if clusters is None:
        return values, np.ones(values.shape[1])
    _, place, counts = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    return np.stack([np.bincount(place, row, len(counts)) for row in values]), counts.astype(float)


def linearised(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A value for each cluster (rows, clusters) whose plain mean over all is the mean over items, so that clusters of
    unequal size keep their weight: that mean plus (sum − size × mean) / mean size, the ratio estimator linearised
    (Cochran, Sampling Techniques, 1977, section 6.3). Of equal clusters, their means."""
    mean = sums.sum() / (len(sums) * sizes.sum())
    return (sums - sizes * mean) / sizes.mean() + mean
