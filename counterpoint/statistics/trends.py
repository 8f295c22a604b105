"""The trend of a short autocorrelated series: how much it rose from its first probe to its last, and how surely.

The change over the window is the least-squares slope times the window. Neighbouring probes of one training run are
alike, so its error comes from two sides and the larger is taken:

- n probes count as n_eff = n (1 − r) / (1 + r), r the residuals' lag-one correlation, its bias on detrended residuals
  undone to first order by adding (2 + 4 r) / n (Marriott and Pope, Biometrika 41 (1954) 390; Kendall, ibid. 403), and
  held between 0 and 0.9;
- the residuals are resampled in blocks of random length (stationary bootstrap: Politis and Romano, JASA 89 (1994) 1303,
  by `arch`; mean length by Politis and White, Econometric Reviews 23 (2004) 53).

Quantiles are Student's with n_eff less the fitted parameters as degrees of freedom, at least two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

DRAWS = 500
MOST_ALIKE = 0.9
TINY = 1e-12


@dataclass(frozen=True)
class Trend:
    """The change over the window, its standard error and degrees of freedom, and the probes it is worth."""

    change: float
    se: float
    df: float
    effective: float

    @property
    def z(self) -> float:
        """The change in standard errors."""
        return self.change / max(self.se, TINY)

    @property
    def normal(self) -> float:
        """The standard errors of a normal distribution that are as rare."""
        return normal(self.z, self.df)

    def interval(self, confidence: float = 0.95, more: float = 0.0) -> tuple[float, float]:
        """Student's interval; `more` is a further independent variance of the change."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.df, (1 + confidence) / 2)) * math.sqrt(self.se**2 + more)
        return self.change - half, self.change + half


def normal(size: float, df: float) -> float:
    """The standard errors of a normal distribution that are as rare as `size` of Student's with `df`."""
    from scipy.special import ndtri, stdtr

    return math.copysign(-float(ndtri(max(float(stdtr(df, -abs(size))), 1e-300))), size)


def block_indices(number: int, residuals: np.ndarray, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Indices (draws, number) of a stationary bootstrap whose mean block suits the `residuals` (series, number)."""
    from arch.bootstrap import StationaryBootstrap, optimal_block_length

    lengths = [1.0]
    for series in residuals:
        if np.ptp(series) > 0:
            with np.errstate(all="ignore"):  # of very short series, whose length is then not finite
                length = float(optimal_block_length(series)["stationary"].iloc[0])
            lengths.append(length if math.isfinite(length) else 1.0)
    block = int(min(max(round(max(lengths)), 1), max(number // 3, 1)))
    resampled = StationaryBootstrap(block, np.arange(number), seed=np.random.default_rng(seed))
    return np.stack([positional[0] for positional, _ in resampled.bootstrap(draws)])


def line(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (…) of `values` (…, probes) over `times` by least squares, and the residuals (…, probes)."""
    centred = times - times.mean()
    slopes = values @ centred / (centred @ centred)
    return slopes, values - values.mean(-1, keepdims=True) - slopes[..., None] * centred


def alike(residuals: np.ndarray) -> float:
    """The lag-one correlation of detrended `residuals` (probes), bias undone, from 0 to `MOST_ALIKE`."""
    total = float(residuals @ residuals)
    if total == 0:
        return 0.0
    correlation = float(residuals[1:] @ residuals[:-1]) / total
    return min(max(correlation + (2 + 4 * correlation) / len(residuals), 0.0), MOST_ALIKE)


def trend(
    times: np.ndarray, values: np.ndarray, noise: np.ndarray, fitted: int = 2, draws: np.ndarray | None = None
) -> Trend:
    """The trend of `values` (probes,) over `times` (probes,), rising.

    `noise`: residuals of a fit to the series with so many `fitted` parameters, better than a line where the series is
    not one. They may come from more probes than `values` has. `draws` (draws, probes): indices at which `noise`, then
    as long as `values`, is resampled; None leaves the bootstrap out.
    """
    correlation = alike(noise)
    share = (1 - correlation) / (1 + correlation)
    centred = times - times.mean()
    window = float(times[-1] - times[0])
    slope, _ = line(times, values)
    lost = len(noise) / max(len(noise) - fitted, 1)  # of the noise, to the fit
    variance = float(noise @ noise) / len(noise) * lost
    error = math.sqrt(variance / float(centred @ centred) / share)
    if draws is not None:
        error = max(error, float(line(times, noise[draws])[0].std()) * math.sqrt(lost))
    return Trend(float(slope) * window, error * window, max(len(noise) * share - fitted, 2.0), len(noise) * share)
