"""One share with its interval, and two runs' verdicts on the same items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np


def wilson_interval(correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of `correct` out of `n` independent items, as fractions; (0, 1) when n is 0.

    Wilson, JASA 22 (1927) 209; method 3 of Newcombe, Statistics in Medicine 17 (1998) 857. The warehouse has it as the
    SQL macros `wilson_low` and `wilson_high`. Raises `ValueError` unless 0 ≤ correct ≤ n and 0 < confidence < 1.
    """
    if not 0 <= correct <= n:
        raise ValueError(f"{correct} correct of {n}: the count must lie between 0 and n")
    z = _normal_quantile(confidence)
    if n == 0:
        return 0.0, 1.0
    middle, half = correct + z * z / 2, z * math.sqrt(correct * (n - correct) / n + z * z / 4)
    # at the ends the bound is 0 or 1 exactly, and rounding would miss it
    low = 0.0 if correct == 0 else (middle - half) / (n + z * z)
    high = 1.0 if correct == n else (middle + half) / (n + z * z)
    return low, high


def _normal_quantile(confidence: float) -> float:
    # the standard library's is exact to 1e-15 and spares a second of scipy's import
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def mcnemar_exact(a_only: int, b_only: int) -> float:
    """The two-sided p value that two runs are right equally often, from the items that exactly one of them got right.

    McNemar, Psychometrika 12 (1947) 153, with the binomial distribution in place of χ²; 1 where no item differs. It
    takes items as independent: not for several problems of one latent state. Raises `ValueError` for a negative count.
    """
    from scipy.stats import binomtest

    if a_only < 0 or b_only < 0:
        raise ValueError(f"counts of items cannot be negative: {a_only}, {b_only}")
    if a_only + b_only == 0:
        return 1.0
    return float(binomtest(a_only, a_only + b_only, 0.5).pvalue)


@dataclass(frozen=True)
class Discordance:
    """How two runs' verdicts on n items differ: `difference` is the share right of the first less that of the second,
    `rate` the share of items on which they differ, `p` McNemar's exact one."""

    n: int
    both: int
    a_only: int
    b_only: int
    neither: int
    difference: float
    rate: float
    p: float


def discordance(a: Sequence[bool] | np.ndarray, b: Sequence[bool] | np.ndarray) -> Discordance:
    """Two runs on the same items; `a` and `b` (items): verdicts, 0/1 or booleans, in the same order.

    Raises `ValueError` for other values, different lengths or no items.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise ValueError(f"two runs need the same items, one verdict each, not {a.shape} and {b.shape}")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise ValueError("a verdict is 0 or 1")
    first, second = a.astype(bool), b.astype(bool)
    n, both = len(a), int((first & second).sum())
    a_only, b_only = int((first & ~second).sum()), int((~first & second).sum())
    return Discordance(
        n=n,
        both=both,
        a_only=a_only,
        b_only=b_only,
        neither=n - both - a_only - b_only,
        difference=(a_only - b_only) / n,
        rate=(a_only + b_only) / n,
        p=mcnemar_exact(a_only, b_only),
    )
