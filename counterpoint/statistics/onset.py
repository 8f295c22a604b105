"""Where a series turns, whether it falls from there on, and from which step accuracy stopped following the reward.

One change point between two straight lines, found by `ruptures`.

Piecewise continuous linear fit with one break (Truong, Oudre and Vayatis, Signal Processing 167 (2020) 107299), taken
where it is better than no break by the Bayesian information criterion, three further parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from counterpoint.statistics import trends

LEAST = 3  # probes on either side
CANDIDATES = 40  # places of the break that are tried, evenly spread
LATE_CONFIDENCE = 0.99  # of a fall after a turn, whose place was chosen for it
FELL = 0.1  # of the reward's range: a reward that falls by more after the turn tells the truth there
REFITS = 100  # of the turn, for the interval of the onset


def turn(values: np.ndarray) -> int | None:
    """The place in `values` (probes) where the line breaks, or None where one line does; None below 2 × `LEAST`."""
    import ruptures

    number = len(values)
    if number < 2 * LEAST or np.ptp(values) == 0:
        return None
    jump = max(1, number // CANDIDATES)
    search = ruptures.Dynp(model="clinear", min_size=LEAST, jump=jump).fit(values.astype(float))
    place = int(search.predict(n_bkps=1)[0])
    return place if _better(values, hinge(values, place)) else None


def hinge(values: np.ndarray, place: int) -> np.ndarray:
    """The least-squares fit (probes) of two lines that meet at `place`."""
    at = np.arange(len(values), dtype=float)
    design = np.stack([np.ones_like(at), at, np.maximum(at - place, 0)], 1)
    return design @ np.linalg.lstsq(design, values, rcond=None)[0]


def _better(values: np.ndarray, fitted: np.ndarray) -> bool:
    number = len(values)
    at = np.arange(number, dtype=float)
    straight = np.polyval(np.polyfit(at, values, 1), at)
    with_break, without = float(((values - fitted) ** 2).sum()), float(((values - straight) ** 2).sum())
    if with_break <= 1e-12 * max(without, 1e-12):
        return without > 1e-12
    return number * math.log(without / with_break) > 2 * math.log(number)


@dataclass(frozen=True)
class Course:
    """A series without its noise: a line, or two that meet where it turns."""

    place: int | None
    values: np.ndarray
    noise: np.ndarray
    fitted: int  # parameters


def course(times: np.ndarray, values: np.ndarray) -> Course:
    """The course of `values` (probes) over `times` (probes)."""
    place = turn(values)
    found = values - trends.line(times, values)[1] if place is None else hinge(values, place)
    return Course(place, found, values - found, 2 if place is None else 4)


def of_items(change: float, n_items: int) -> float:
    """The least variance that a change of accuracy over one sample of items can have, one answer's at least."""
    size = min(abs(change), 1.0)
    return max(size * (1 - size) / n_items, 1 / n_items**2)


@dataclass(frozen=True)
class Fall:
    """Accuracy's fall after its turn: from which place on, by how much, and in how many standard errors."""

    place: int
    change: float
    errors: float


def late_fall(
    times: np.ndarray, reward: np.ndarray, accuracy: np.ndarray, course: Course, n_items: int, margin: float
) -> Fall | None:
    """Accuracy's fall beyond doubt after its turn, where the reward did not fall with it; arrays (probes)."""
    place = int(np.argmax(course.values))
    if course.place is None or place == 0 or len(times) - place < LEAST + 1:
        return None
    after = slice(place, None)
    fall = trends.trend(times[after], accuracy[after], course.noise, course.fitted)
    more = of_items(fall.change, n_items)
    change = float(trends.line(times[after], reward[after])[0]) * (times[-1] - times[place])
    if fall.interval(LATE_CONFIDENCE, more)[1] >= 0 or fall.change > -margin:
        return None
    if change < -FELL * float(np.ptp(reward)):
        return None
    return Fall(place, fall.change, fall.change / math.sqrt(fall.se**2 + more))


def onset(steps: np.ndarray, course: Course, places: np.ndarray, margin: float) -> tuple[int, tuple[float, float]]:
    """The step from which accuracy stopped following: where it turned, or the first probe where it never rose."""
    first = float(steps[0])
    if course.place is None or course.values[course.place] - course.values[0] < margin:
        return int(first), (first, first)
    drawn = [turn(course.values + course.noise[row]) for row in places[:REFITS]]
    at = float(steps[course.place])
    drawn = [steps[place] for place in drawn if place is not None] or [at]
    low, high = (float(x) for x in np.quantile(drawn, [0.025, 0.975]))
    return int(at), (min(low, at), max(high, at))
