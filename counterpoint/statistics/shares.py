"""Shares of items: intervals, paired tests, a family of tests, and the chance of a hit among several samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def mcnemar(first: Sequence[int] | np.ndarray, second: Sequence[int] | np.ndarray) -> float:
    """The two-sided p value that two runs are right equally often, from their verdicts on the same items (items,), 0 or
    1 in one order.

    McNemar, Psychometrika 12 (1947) 153, with the binomial distribution in place of χ²: only the items that exactly one
    run got right count; 1 where there is none. It takes items as independent: not for several problems of one latent
    state. Raises `ValueError` for other values, different lengths or no items.
    """
    from scipy.stats import binomtest

    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape or not len(first):
        raise ValueError(f"two runs need the same items, one verdict each, not {first.shape} and {second.shape}")
    if not (np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all()):
        raise ValueError("a verdict is 0 or 1")
    first_only, second_only = int((first > second).sum()), int((second > first).sum())
    differing = first_only + second_only
    return float(binomtest(first_only, differing, 0.5).pvalue) if differing else 1.0


def holm(pvalues: Sequence[float] | np.ndarray) -> np.ndarray:
    """p values (tests,) adjusted so that the chance of any false rejection in the family is at most the level.

    Holm, Scandinavian Journal of Statistics 6 (1979) 65. Raises `ValueError` for a p value outside 0 to 1.
    """
    given = np.array(pvalues, float)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"a family is one row of p values between 0 and 1, not {given}")
    # not statsmodels' multipletests: it collects garbage at every call, which takes it 0.2 s
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty(len(given))
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def pass_at_k(correct_counts: Sequence[int] | np.ndarray, n: int, k: int) -> np.ndarray:
    """The chance that k of an item's n samples, drawn without replacement, hold a correct one: 1 − C(n−c, k) / C(n, k).

    Unbiased (arXiv 2107.03374, equation 1). `correct_counts` (items,): correct samples c of each item. → (items,): n
    samples of an item are not n items, so intervals and tests are made over what is returned here. Raises `ValueError`
    when k > n, k < 1, or a count lies outside 0 to n.
    """
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs k of 1 or more and at least k samples, there are {n}")
    counts = np.asarray(correct_counts)
    if counts.ndim != 1 or not ((counts >= 0) & (counts <= n)).all():
        raise ValueError(f"counts of correct samples must lie between 0 and {n}, one for each item")
    drawn = np.arange(k)
    # the product of (n−c−j) / (n−j): no factorial of large numbers; a factor of 0 says that n−c < k
    return 1 - np.prod(np.maximum(n - counts[:, None] - drawn, 0) / (n - drawn), axis=1)
