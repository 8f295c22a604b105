"""A series without its noise, where it turns, and whether it falls from there on.

The course is up to three breaks between straight lines that meet, placed by `ruptures` (piecewise continuous linear fit
by dynamic programming; Truong, Oudre and Vayatis, Signal Processing 167 (2020) 107299), as many as the Bayesian
information criterion takes at two parameters a break: a plateau, a collapse or an S is a course and no noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from counterpoint.statistics import trends

LEAST = 3  # probes between breaks
MOST = 3  # breaks
CANDIDATES = 40  # places of a break that are tried, evenly spread
LATE_CONFIDENCE = 0.99  # of a fall after a turn, whose place was chosen for it
FELL = 0.1  # of the reward's range: a reward that falls by more after the turn tells the truth there
REFITS = 30  # of the course, for the interval of the onset


def breaks(values: np.ndarray) -> list[int]:
    """The places in `values` (probes) where its line breaks; none where it never changes or is shorter than seven."""
    import ruptures

    number = len(values)
    if number <= 2 * LEAST or np.ptp(values) == 0:
        return []
    jump = max(1, number // CANDIDATES)
    search = ruptures.Dynp(model="clinear", min_size=LEAST, jump=jump).fit(values.astype(float))
    best, least = [], _criterion(values, [])
    for count in range(1, min(MOST, (number // 2 - 2) // 2) + 1):
        try:
            places = [int(place) for place in search.predict(n_bkps=count)[:-1]]
        except ruptures.exceptions.BadSegmentationParameters:
            break
        criterion = _criterion(values, places)
        if criterion < least:
            best, least = places, criterion
    return best


def polyline(values: np.ndarray, places: list[int]) -> np.ndarray:
    """The least-squares fit (probes) of lines that meet at `places`."""
    at = np.arange(len(values), dtype=float)
    design = np.stack([np.ones_like(at), at, *(np.maximum(at - place, 0) for place in places)], 1)
    return design @ np.linalg.lstsq(design, values, rcond=None)[0]


def _criterion(values: np.ndarray, places: list[int]) -> float:
    number = len(values)
    left = float(((values - polyline(values, places)) ** 2).sum())
    floor = 1e-12 * max(float(((values - values.mean()) ** 2).sum()), 1e-12)
    return number * math.log(max(left, floor)) + 2 * len(places) * math.log(number)


@dataclass(frozen=True)
class Course:
    """A series without its noise, what is left, how many parameters that took, and where it is highest."""

    values: np.ndarray
    noise: np.ndarray
    fitted: int
    peak: int


def course(values: np.ndarray) -> Course:
    """The course of `values` (probes, evenly spread)."""
    places = breaks(values)
    found = polyline(values, places)
    return Course(found, values - found, 2 + 2 * len(places), int(np.argmax(found)))


def of_items(change: float, n_items: int) -> float:
    """The least variance that a change of accuracy over one sample of items can have, one answer's at least."""
    size = min(abs(change), 1.0)
    return max(size * (1 - size) / n_items, 1 / n_items**2)


@dataclass(frozen=True)
class Fall:
    """Accuracy's fall after its turn: from which place on, by how much, in how many standard errors, beyond doubt?"""

    place: int
    change: float
    errors: float
    sure: bool


def late_fall(
    times: np.ndarray, reward: np.ndarray, accuracy: np.ndarray, course: Course, n_items: int, margin: float
) -> Fall | None:
    """Accuracy's fall after its turn, where the reward did not fall with it; arrays (probes)."""
    place = course.peak
    if place == 0 or len(times) - place < LEAST + 1:
        return None
    after = slice(place, None)
    fall = trends.trend(times[after], accuracy[after], course.noise, course.fitted)
    more = of_items(fall.change, n_items)
    change = float(trends.line(times[after], reward[after])[0]) * (times[-1] - times[place])
    if fall.change >= 0 or change < -FELL * float(np.ptp(reward)):
        return None
    sure = fall.interval(LATE_CONFIDENCE, more)[1] < 0 and fall.change < -margin
    return Fall(place, fall.change, -fall.change / math.sqrt(fall.se**2 + more), sure)


def onset(steps: np.ndarray, found: Course, places: np.ndarray, margin: float) -> tuple[int, tuple[float, float]]:
    """The step from which accuracy stopped following: where it turned, or the first probe where it never rose."""
    first = float(steps[0])
    if found.values[found.peak] - found.values[0] < margin:
        return int(first), (first, first)
    at = float(steps[found.peak])
    drawn = [steps[course(found.values + found.noise[row]).peak] for row in places[:REFITS]]
    low, high = (float(x) for x in np.quantile(drawn, [0.025, 0.975]))
    return int(at), (min(low, at), max(high, at))
