"""Fit a piecewise-linear trend to a series of probes; find the step from which accuracy no longer followed a reward.

The fit has up to three breaks between straight lines that meet, placed by `ruptures` (piecewise continuous linear fit
by dynamic programming; Truong, Oudre and Vayatis, Signal Processing 167 (2020) 107299). The Bayesian information
criterion chooses their number, at two parameters a break. So a plateau, a collapse or an S is trend and not noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LEAST = 3  # probes between breaks
MOST = 3  # breaks
CANDIDATES = 40  # positions of a break that are tried, evenly spread
TURNS = 25  # probes at which a course may turn that are tried, evenly spread


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
    parameters: int
    peak: int

    @property
    def variance(self) -> float:
        """Of the residuals, what the parameters took undone."""
        return float(self.noise @ self.noise) / max(len(self.noise) - self.parameters, 1)


def fit(values: np.ndarray) -> Fit:
    """The piecewise-linear fit to `values` (probes,), evenly spread."""
    indices = breaks(values)
    fitted = polyline(values, indices)
    noise = values - fitted
    if np.abs(noise).max() <= 1e-12 * np.abs(values).max():  # rounding, whose pattern means nothing
        noise = np.zeros_like(noise)
    return Fit(fitted, noise, 2 + 2 * len(indices), int(np.argmax(fitted)))


def item_variance(change: float, n_items: int) -> float:
    """Lower bound on the variance from item sampling of a `change` of accuracy (a share) over `n_items`: as many items
    must have flipped, and at least one."""
    size = min(abs(change), 1.0)
    return max(size * (1 - size) / n_items, 1 / n_items**2)


def onset(steps: np.ndarray, accuracy: np.ndarray, draws: np.ndarray, margin: float) -> tuple[int, tuple[float, float]]:
    """The step from which accuracy no longer followed a reward that rose, and its 95 % interval.

    Up to that step accuracy rises, by `margin` or more; from there on it does not. The least-squares fit of two such
    lines that meet says where; the first step where accuracy never rose. The interval holds every step that the data do
    not reject: where the fit that turns there is not worse than it is, in 95 of 100 simulated series that truly turn
    there. `steps` and `accuracy` are (probes,); `draws` (draws, probes) are draws of accuracy's noise.
    """
    turns = np.unique(np.linspace(0, len(steps) - 2, min(len(steps) - 1, TURNS)).astype(int))
    designs = [_Turn(steps, int(turn), margin) for turn in turns]
    left = np.array([design.left(accuracy[None])[0] for design in designs])
    kept = [turns[int(left.argmin())]]
    for turn, design, worse in zip(turns, designs, left - left.min(), strict=True):
        if worse > 0:
            simulated = design.fit(accuracy) + draws
            best = np.min([other.left(simulated) for other in designs], axis=0)
            if worse <= np.quantile(design.left(simulated) - best, 0.95):
                kept.append(turn)
    return int(steps[kept[0]]), (float(steps[min(kept)]), float(steps[max(kept)]))


class _Turn:
    """Fits of lines that rise by `margin` or more up to the probe `turn`, and do not rise after it."""

    def __init__(self, steps: np.ndarray, turn: int, margin: float):
        before, after = np.minimum(steps, steps[turn]) - steps[0], np.maximum(steps - steps[turn], 0.0)
        self.least = margin * before / before.max() if turn else np.zeros(len(steps))
        slopes = [(before, 1), (after, -1)] if turn else [(after, -1)]
        choices = [slopes[:k] + slopes[k + 1 :] for k in range(len(slopes))] + [slopes, []]
        ones = np.ones(len(steps))
        designs = [np.stack([ones, *(column for column, _ in chosen)], 1) for chosen in choices]
        signs = [np.array([sign for _, sign in chosen]) for chosen in choices]
        self.choices = [(d, np.linalg.pinv(d).T, s) for d, s in zip(designs, signs, strict=True)]

    def _fits(self, values: np.ndarray) -> np.ndarray:
        """The best allowed fit to each of the series (series, probes)."""
        values, best, fits = values - self.least, np.full(len(values), np.inf), np.empty_like(values)
        for design, inverse, signs in self.choices:
            coefficients = values @ inverse
            fitted = coefficients @ design.T
            left = ((values - fitted) ** 2).sum(1)
            better = (coefficients[:, 1:] * signs >= 0).all(1) & (left < best)
            best[better], fits[better] = left[better], fitted[better]
        return fits + self.least

    def left(self, values: np.ndarray) -> np.ndarray:
        """The sums of squares (series,) that the fits leave of `values` (series, probes)."""
        return ((values - self._fits(values)) ** 2).sum(1)

    def fit(self, values: np.ndarray) -> np.ndarray:
        """The fit (probes,) to one series (probes,)."""
        return self._fits(values[None])[0]
