"""What a short noisy series did: its change from the first probe to the last, its peak, and its fall from the peak.

A least-squares slope is not the change that happened: on a curve that saturates or jumps its interval misses the truth.
So the changes here are differences of measured values, whatever the shape of the curve. Their intervals hold

- the noise of training, which hangs together from probe to probe (the wobble);
- the choice of problems and the luck of single answers (item noise);
- for the fall, that the peak is the highest of many noisy values.

The noise is what a piecewise-linear fit leaves. Ten probes tell little about it, so what is known of honest runs counts
too (a moderated variance: Smyth, Stat. Appl. Genet. Mol. Biol. 3 (2004) 3).
Coverage: docs/deceptive.md, `make calibrate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from counterpoint.statistics.onset import Fit

WOBBLE = 0.015  # standard deviation of honest runs around their course, in shares: 76 published RL runs have 0.0147
PRIOR_DF = 24.0  # degrees of freedom that this knowledge is worth: the spread of those runs allows 16 or more
PROBE_DF = 0.15  # degrees of freedom that a probe adds, for neighbours are alike
NOISIER = 0.9999  # confidence from which a run's own noise counts alone
HIDDEN = 1.6  # of a wobble's variance to what a fit leaves of it: the fit follows a part
FOLLOWED = 1.15  # of the noise between neighbours: what a fit leaves beyond this was a jump that no line follows
LUCK = 0.5  # share of the binomial variance that comes anew at each probe, where single answers are not known
CORRELATIONS = (0.0, 0.5, 0.8)  # of a wobble from probe to probe that are allowed for, equally
DRAWS = 300


@dataclass(frozen=True)
class Noise:
    """Variances of one value around the course of its series: `luck`, independent from probe to probe, and `wobble`,
    which may hang together; `df`, the degrees of freedom behind them; `seen`, the part of both that a fit leaves."""

    luck: float
    wobble: float
    df: float
    seen: float

    @property
    def total(self) -> float:
        """The variance of one value."""
        return self.luck + self.wobble

    def draws(self, number: int, seed: int) -> np.ndarray:
        """Draws of it (`DRAWS`, number) along a series of so many probes."""
        rng = np.random.default_rng(seed)
        fresh = rng.standard_normal((2, DRAWS, number))
        correlations = np.resize(CORRELATIONS, DRAWS)
        wobble = np.empty((DRAWS, number))
        wobble[:, 0] = fresh[0, :, 0]
        for index in range(1, number):
            wobble[:, index] = correlations * wobble[:, index - 1] + np.sqrt(1 - correlations**2) * fresh[0, :, index]
        return math.sqrt(self.wobble) * wobble + math.sqrt(self.luck) * fresh[1]


@dataclass(frozen=True)
class Peak:
    """The highest value: its index, the value, the fall from it to the last one (a size, 0 for none), its interval."""

    index: int
    value: float
    fall: float
    interval: tuple[float, float]


def noise_of_accuracy(accuracy: np.ndarray, fitted: Fit, n_items: int, items: np.ndarray | None = None) -> Noise:
    """The noise of `accuracy` (probes,), shares of `n_items` problems; `fitted` is its fit. `items` (probes, n_items),
    right or wrong, tell the luck of single answers; else `LUCK` stands for it."""
    from scipy.special import fdtri

    if items is not None and len(items) > 1:
        flips = np.diff(items, axis=0)
        luck = float(((flips**2).mean(1) - flips.mean(1) ** 2).mean()) / (2 * n_items)
    else:
        luck = LUCK * float((accuracy * (1 - accuracy)).mean()) / n_items
    residuals = max(len(accuracy) - fitted.parameters, 0)
    df, left = PROBE_DF * residuals, max(_residual_variance(accuracy, fitted) - luck, 0)
    if df and HIDDEN * left > WOBBLE**2 * fdtri(df, PRIOR_DF, NOISIER):  # plainly noisier than those runs
        return Noise(luck, HIDDEN * left, max(residuals, 2), luck + left)
    wobble, seen = ((PRIOR_DF * WOBBLE**2 + df * own) / (PRIOR_DF + df) for own in (HIDDEN * left, left))
    return Noise(luck, wobble, PRIOR_DF + df, luck + seen)


def noise_of_reward(reward: np.ndarray, fitted: Fit) -> Noise:
    """The noise of `reward` (probes,), whose unit nobody knows: all of it is taken as wobble."""
    left = _residual_variance(reward, fitted)
    return Noise(0.0, HIDDEN * left, max(len(reward) - fitted.parameters, 1), left)


def _residual_variance(values: np.ndarray, fitted: Fit) -> float:
    """What the fit leaves, at most `FOLLOWED` times what neighbours say of the noise (by the median of second
    differences; Gasser, Sroka and Jennen-Steinmetz, Biometrika 73 (1986) 625)."""
    if len(values) < 5:
        return fitted.variance
    between = values[1:-1] - (values[:-2] + values[2:]) / 2
    return min(fitted.variance, FOLLOWED * float(np.median(np.abs(between)) / 0.6745) ** 2 / 1.5)


def change(
    first: float, last: float, noise: Noise, n_items: int = 0, items: np.ndarray | None = None, confidence: float = 0.95
) -> tuple[float, tuple[float, float]]:
    """The change from the value `first` to the value `last` of one series, and its interval.

    n_items: the problems behind accuracies, 0 for a reward. items: (2, n_items), right or wrong, first and last.
    """
    size = float(last - first)
    half = _half_width(2 * noise.wobble + _item_variance(size, noise, n_items, items), noise, confidence)
    if not n_items:
        return size, (size - half, size + half)
    return size, (max(size - half, -1.0), min(size + half, 1.0))


def _half_width(variance: float, noise: Noise, confidence: float) -> float:
    """Of an interval, by Student's quantile; only the wobble's part of the variance is uncertain (Satterthwaite)."""
    from scipy.special import stdtrit

    known = max(variance / max(2 * noise.wobble, 1e-300), 1.0)
    return float(stdtrit(min(noise.df * known**2, 1e6), (1 + confidence) / 2)) * math.sqrt(variance)


def _item_variance(size: float, noise: Noise, n_items: int, items: np.ndarray | None) -> float:
    """The variance that the problems bring to a change of accuracy: that of the paired answers, else at least what so
    large a change needs, for as many answers must have flipped."""
    if not n_items:
        return 2 * noise.luck
    if items is not None:
        return max(float((items[1] - items[0]).var()) / n_items, 1 / n_items**2)
    return max(2 * noise.luck, abs(size) * (1 - min(abs(size), 1.0)) / n_items, 1 / n_items**2)


def peak(values: np.ndarray, fitted: Fit, noise: Noise, n_items: int, seed: int = 0, confidence: float = 0.95) -> Peak:
    """The peak of `values` (probes,), an accuracy, and the fall from it to the last probe.

    The highest of noisy values is high by luck as well. How much is simulated twice: with noise on the fit, and with
    more noise on the values themselves, which knows no shape but exaggerates where a curve is flat (simulation and
    extrapolation: Cook and Stefanski, JASA 89 (1994) 1314). The fall is corrected by the former; its interval reaches
    as far as either goes. It begins at 0 unless a fall is beyond doubt, for a fall cannot be negative.
    """
    index = int(np.argmax(values))
    measured = float(values[index] - values[-1])
    drawn = noise.draws(len(values), seed)
    of_fit, of_values = (
        (curve + drawn).max(1) - (curve + drawn)[:, -1] - float(curve.max() - curve[-1])
        for curve in (fitted.values, values)
    )
    by_luck, at_most = float(of_fit.mean()), float(of_values.mean()) * 1.2 / (math.sqrt(2) - 1)
    more = max(_item_variance(measured, noise, n_items, None) - 2 * noise.luck, 0) if measured else 0.0
    variance = float(of_fit.var()) + more
    low = measured - max(by_luck, at_most) - _half_width(max(variance, 2 * noise.total), noise, confidence)
    high = measured - by_luck + _half_width(variance, noise, confidence)
    interval = (max(low, 0.0), max(high, 0.0))
    return Peak(index, float(values[index]), min(max(measured - by_luck, interval[0]), interval[1]), interval)
