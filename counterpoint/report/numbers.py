"""How numbers are written, in report.md and in pictures, and the two means that the pictures take of a series."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOTHING = "–"


def percent(value: float | None) -> str:
    """A fraction in per cent with one decimal; a dash for None."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def signed(value: float | None, places: int = 1) -> str:
    """A number with its sign, `+0.0` where it rounds to zero; a dash for None."""
    return NOTHING if value is None else f"{round(value, places) + 0.0:+.{places}f}".replace("-", "−")


def count(value: float | None) -> str:
    """A count, or a mean of counts, as a whole number with commas; a dash for None."""
    return NOTHING if value is None else f"{value:,.0f}"


def p_value(value: float) -> str:
    """A p value with three decimals, or that it is below the least of them."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def change(value: float | None, low: float | None, high: float | None, times: float = 1, places: int = 1) -> str:
    """A difference with its 95 % interval, all multiplied by `times`; a dash for None, no brackets without bounds."""
    if value is None:
        return NOTHING
    text = signed(times * value, places)
    if low is None or high is None:
        return text
    return f"{text} ({signed(times * low, places)} to {signed(times * high, places)})"


def moving_mean(series: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    """Steps and the centred moving mean of a series of (step, value), over about a twelfth of it, at least 3 values."""
    values = [value for _, value in series]
    half = max(3, len(values) // 12) // 2
    spans = [values[max(0, middle - half) : middle + half + 1] for middle in range(len(values))]
    return [step for step, _ in series], [math.fsum(span) / len(span) for span in spans]


def mean_series(series: Sequence[Sequence[tuple[int, float]]]) -> list[tuple[int, float]]:
    """The mean over several series of (step, value), at the steps that all of them have."""
    by_step = [dict(points) for points in series]
    common = set.intersection(*(set(values) for values in by_step))
    return [(step, math.fsum(values[step] for values in by_step) / len(by_step)) for step in sorted(common)]
