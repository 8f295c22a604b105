"""The course of one logged metric: its values, and their running means and medians.

A window is a tenth of the values, from 5 to 20 of them: first and last are its means or medians at both ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from counterpoint.audit import metric_names
from counterpoint.audit.log import RunMetrics
from counterpoint.audit.series import TERMS, Series

SHORTEST, LONGEST = 5, 20  # values of a window
BLOCKS = 5, 20  # fewest and most, whose means give the course that noise is measured around: one more each 50 values


@dataclass(frozen=True)
class Curve:
    """The finite `values` (values,) of a metric at their `steps`; `broken`: the first step whose value is NaN or
    infinite, None where all are finite."""

    steps: np.ndarray
    values: np.ndarray
    broken: int | None = None

    @cached_property
    def window(self) -> int:
        """Values of a window; of few values a quarter."""
        number = len(self.values)
        return max(1, min(SHORTEST, number // 4), min(LONGEST, number // 10))

    @cached_property
    def means(self) -> np.ndarray:
        """Running means (values − window + 1,)."""
        return sliding_window_view(self.values, self.window).mean(1)

    @cached_property
    def medians(self) -> np.ndarray:
        """Running medians (values − window + 1,)."""
        return np.median(sliding_window_view(self.values, self.window), 1)

    @property
    def change(self) -> float:
        """The mean of the last window less that of the first."""
        return float(self.means[-1] - self.means[0])

    def step(self, place: int) -> int:
        """The step in the middle of the window at a place of `means` or `medians`."""
        return int(self.steps[place + self.window // 2])

    def begin(self, holds: np.ndarray) -> int | None:
        """The step from which a condition on `means` or `medians` holds to the end; None where it does not at the
        end."""
        if not holds[-1]:
            return None
        return int(self.steps[0]) if holds.all() else self.step(int(np.flatnonzero(~holds)[-1]) + 1)

    @property
    def fifth(self) -> int:
        """A fifth of the values, at least a window."""
        return max(self.window, len(self.values) // 5)

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The means of the first and of the last fifth of the values."""
        return float(self.values[: self.fifth].mean()), float(self.values[-self.fifth :].mean())

    @property
    def rise(self) -> float:
        """The last fifth less the first."""
        return self.ends[1] - self.ends[0]

    @property
    def score(self) -> float:
        """`rise` in standard errors; 0 where nothing varies."""
        error = self.error(self.fifth)
        return self.rise / error if error else 0.0

    def error(self, number: int) -> float:
        """The standard error of a difference of two means of `number` values."""
        return self.noise * math.sqrt(2 / number)

    @cached_property
    def noise(self) -> float:
        """The standard deviation of a value around its course, a line through the means of blocks.

        It counts for (1 + r) / (1 − r) values where neighbours are alike with correlation r; the second summand
        corrects the bias of r towards 0 (Kendall, Biometrika 41 (1954) 403), once for each block.
        """
        number, places = len(self.values), np.arange(len(self.values))
        blocks = min(BLOCKS[0] + number // 50, BLOCKS[1])
        if number <= blocks:
            return 0.0
        parts = np.array_split(places, blocks)
        rest = self.values - np.interp(places, [p.mean() for p in parts], [self.values[p].mean() for p in parts])
        squares = float(rest @ rest)
        if not squares:
            return 0.0
        alike = float(rest[1:] @ rest[:-1]) / squares
        alike = min(max(0.0, alike + blocks * (1 + 3 * alike) / number), 0.9)
        return math.sqrt(squares / (number - blocks) * (1 + alike) / (1 - alike))

    def zeros(self) -> Curve:
        """1 where a value is exactly 0, else 0."""
        return Curve(self.steps, (self.values == 0).astype(float))


@dataclass(frozen=True)
class Logged:
    """What one run logged: the reward, the metrics by what they are (`metric_names.SHOWN`), the reward's terms."""

    reward: Curve
    metrics: Mapping[str, Curve] = field(default_factory=dict)
    terms: Mapping[str, Curve] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


def curve(series: Series) -> Curve:
    """The curve of a series."""
    steps, values = np.array(list(series), int), np.array(list(series.values()), float)
    finite = np.isfinite(values)
    return Curve(steps[finite], values[finite], None if finite.all() else int(steps[~finite][0]))


def logged(run: RunMetrics) -> Logged:
    """The curves of a run; of the reward's terms the first `TERMS`."""
    return Logged(
        curve(run.reward),
        {what: curve(values) for what, values in metric_names.shown(run.metrics).items()},
        {name: curve(values) for name, values in list(run.terms.items())[:TERMS] if values},
        run.weights or {},
    )
