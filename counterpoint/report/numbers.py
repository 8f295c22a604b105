"""The few numbers that the report computes itself: a rank correlation, a smoothed series, quarters of a series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z95 = 1.959963984540054
FEWEST = 4  # values of a quarter under which its spread says too little


@dataclass(frozen=True)
class Mean:
    """A mean with bounds at 1.96 standard errors."""

    mean: float
    low: float
    high: float


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of at least two values, taken as independent; the error is their standard deviation over √n."""
    n = len(values)
    mean = math.fsum(values) / n
    half = Z95 * math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    return Mean(mean, mean - half, mean + half)


def outer_quarters(values: Sequence[float]) -> tuple[Mean, Mean] | None:
    """The first and the last quarter of a series; None when a quarter has fewer than `FEWEST` values."""
    n = len(values) // 4
    return (mean_of(values[:n]), mean_of(values[-n:])) if n >= FEWEST else None


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; ties share their mean rank."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            found[place] = (start + end) / 2 + 1
        start = end + 1
    return found


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None for fewer than 3 points or a series without variation."""
    if len(first) < 3:
        return None
    a, b = ranks(first), ranks(second)
    mean = (len(a) + 1) / 2
    covariance = sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    spread = math.sqrt(sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b))
    return covariance / spread if spread else None


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """The centred moving mean over `window` values, shortened at the ends."""
    half = window // 2
    return [
        math.fsum(values[max(0, i - half) : i + half + 1]) / len(values[max(0, i - half) : i + half + 1])
        for i in range(len(values))
    ]
