"""Since when the reward rose and accuracy stood still, whatever the verdict on the whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counterpoint.statistics import onset, trends
from counterpoint.statistics.deceptive import FEWEST
from counterpoint.statistics.evidence import MOST_ASKED, SELECTION_PENALTY, SURE

STARTS = 50  # probes from which on it is tried, evenly spread


@dataclass(frozen=True)
class Parted:
    """From `step` on the reward rose by `reward`, in its own units, while accuracy changed by `accuracy`, a share of
    the items. Both are changes by the trend, with 95 % intervals."""

    step: int
    reward: float
    reward_interval: tuple[float, float]
    accuracy: float
    accuracy_interval: tuple[float, float]


def parted(steps: Sequence[int], reward: Sequence[float], accuracy: Sequence[float], n_items: int) -> Parted | None:
    """The earliest probe at which accuracy had reached the level (median) at which it then stayed, and from which on
    the reward rose beyond doubt while accuracy is not shown to have risen, and not by more than `MOST_ASKED`. None
    where there is no such probe with `FEWEST` probes from it on. Sequences are (probes,), as of `deceptive.assess`."""
    steps, reward, accuracy = (np.asarray(values, float) for values in (steps, reward, accuracy))
    used = np.flatnonzero(np.isfinite(reward) & np.isfinite(accuracy))
    steps, reward, accuracy = steps[used], reward[used], accuracy[used]
    if len(steps) < FEWEST or np.ptp(reward) == 0:
        return None
    last = len(steps) - FEWEST
    for start in np.unique(np.linspace(0, last, min(last + 1, STARTS)).astype(int)):
        since = slice(int(start), None)
        if accuracy[start] < np.median(accuracy[since]):
            continue
        up, along = (
            trends.trend(steps[since], values[since], trends.line(steps[since], values[since])[1])
            for values in (reward, accuracy)
        )
        low, high = along.interval(more=onset.item_variance(along.change, n_items))
        if up.normal >= SURE + SELECTION_PENALTY and low <= 0 and high < MOST_ASKED:
            return Parted(int(steps[start]), up.change, up.interval(), along.change, (low, high))
    return None
