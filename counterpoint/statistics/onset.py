"""Fit a piecewise-linear trend to a series of probes; locate its peak and any later decline.

The fit has up to three breaks between straight lines that meet, placed by `ruptures` (piecewise continuous linear fit
by dynamic programming; Truong, Oudre and Vayatis, Signal Processing 167 (2020) 107299). The Bayesian information
criterion chooses their number, at two parameters a break. So a plateau, a collapse or an S is trend and not noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from counterpoint.statistics import trends

LEAST = 3  # probes between breaks
MOST = 3  # breaks
CANDIDATES = 40  # positions of a break that are tried, evenly spread
LATE_CONFIDENCE = 0.99  # of a fall after the peak: higher, for the peak was selected from the same data
FELL = 0.1  # share of the reward's range: if reward falls by more after the peak, it followed accuracy
REFITS = 30  # fits to resampled series, for the interval of the onset


def breaks(values: np.ndarray) -> list[int]:
    """The indices in `values` (probes,) where its line breaks; none where it never changes or is shorter than seven."""
    import ruptures

    number = len(values)
    if number <= 2 * LEAST or np.ptp(values) == 0:
        return []
    jump = max(1, number // CANDIDATES)
    search = ruptures.Dynp(model="clinear", min_size=LEAST, jump=jump).fit(values.astype(float))
    best, least = [], _criterion(values, [])
    for count in range(1, min(MOST, (number // 2 - 2) // 2) + 1):
        try:
            indices = [int(index) for index in search.predict(n_bkps=count)[:-1]]
        except ruptures.exceptions.BadSegmentationParameters:
            break
        criterion = _criterion(values, indices)
        if criterion < least:
            best, least = indices, criterion
    return best


def polyline(values: np.ndarray, indices: list[int]) -> np.ndarray:
    """The least-squares fit (probes,) to `values` (probes,) of lines that meet at `indices`."""
    at = np.arange(len(values), dtype=float)
    design = np.stack([np.ones_like(at), at, *(np.maximum(at - index, 0) for index in indices)], 1)
    return design @ np.linalg.lstsq(design, values, rcond=None)[0]


def _criterion(values: np.ndarray, indices: list[int]) -> float:
    number = len(values)
    left = float(((values - polyline(values, indices)) ** 2).sum())
    floor = 1e-12 * max(float(((values - values.mean()) ** 2).sum()), 1e-12)
    return number * math.log(max(left, floor)) + 2 * len(indices) * math.log(number)


@dataclass(frozen=True)
class Fit:
    """A piecewise-linear fit (probes,), its residuals (probes,), its number of parameters, the index of its peak."""

    values: np.ndarray
    noise: np.ndarray
    fitted: int
    peak: int


def fit(values: np.ndarray) -> Fit:
    """The piecewise-linear fit to `values` (probes,), evenly spread."""
    indices = breaks(values)
    fitted = polyline(values, indices)
    return Fit(fitted, values - fitted, 2 + 2 * len(indices), int(np.argmax(fitted)))


def item_variance(change: float, n_items: int) -> float:
    """Lower bound on the variance from item sampling of a `change` of accuracy (a share) over `n_items`: as many items
    must have flipped, and at least one."""
    size = min(abs(change), 1.0)
    return max(size * (1 - size) / n_items, 1 / n_items**2)


@dataclass(frozen=True)
class Fall:
    """Accuracy's fall after its peak: from which index on, by how much, in how many standard errors, beyond doubt?"""

    index: int
    change: float
    z: float
    sure: bool


def late_fall(
    times: np.ndarray, reward: np.ndarray, accuracy: np.ndarray, fitted: Fit, n_items: int, margin: float
) -> Fall | None:
    """Accuracy's fall after the peak of its fit, None where there is none or where the reward fell with it.

    Arrays are (probes,). A fall is sure where its interval lies below 0 and it exceeds the `margin`, a share of items.
    """
    peak = fitted.peak
    if peak == 0 or len(times) - peak < LEAST + 1:
        return None
    after = slice(peak, None)
    fall = trends.trend(times[after], accuracy[after], fitted.noise, fitted.fitted)
    more = item_variance(fall.change, n_items)
    change = float(trends.line(times[after], reward[after])[0]) * (times[-1] - times[peak])
    if fall.change >= 0 or change < -FELL * float(np.ptp(reward)):
        return None
    sure = fall.interval(LATE_CONFIDENCE, more)[1] < 0 and fall.change < -margin
    return Fall(peak, fall.change, -fall.change / math.sqrt(fall.se**2 + more), sure)


def onset(steps: np.ndarray, fitted: Fit, draws: np.ndarray, margin: float) -> tuple[int, tuple[float, float]]:
    """The step from which accuracy no longer followed the reward, and its 95 % interval: the peak of the fit, or the
    first probe where accuracy never rose by `margin`. `draws` (draws, probes) resample the fit's noise."""
    first = float(steps[0])
    if fitted.values[fitted.peak] - fitted.values[0] < margin:
        return int(first), (first, first)
    at = float(steps[fitted.peak])
    drawn = [steps[fit(fitted.values + fitted.noise[row]).peak] for row in draws[:REFITS]]
    low, high = (float(x) for x in np.quantile(drawn, [0.025, 0.975]))
    return int(at), (min(low, at), max(high, at))
