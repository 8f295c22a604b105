"""Numbers by step: checked when they are read, and brought to the steps of the probes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from counterpoint.errors import UserError

Series = dict[int, float]  # step -> value, steps rising
ITEMS = 100  # problems behind an accuracy, where nothing tells how many
LARGEST_DENOMINATOR = 10_000
EXACT = 1e-3  # of the reward's spread: what may be left when its terms add up to it
NAMES, LONGEST = 2000, 200  # of metrics, or of runs and suites; characters of one
PROBES = 10_000  # that are assessed: each takes time
LARGEST = 1e100  # a value beyond is none: its square would have no number
TERMS = 64  # of a reward that is taken apart


def collect(path: Path, rows: Iterable[tuple[str, object, Mapping[str, object]]]) -> dict[str, Series]:
    """By metric its values, from rows of (position in the file, step, metrics); what is no number is left out.

    Raises `UserError` where steps fall or a metric comes twice at a step, and for more names than an honest log has.
    """
    by_name: dict[str, Series] = {}
    last = None
    for position, stated, metrics in rows:
        step = whole(path, position, stated)
        if last is not None and step < last:
            raise UserError(f"{path}, {position}: step {step} after step {last}; keep one run's lines, in their order")
        last = step
        for name, value in metrics.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                continue
            if name not in by_name:
                check_name(path, position, name, len(by_name))
            values = by_name.setdefault(name, {})
            if step in values:
                raise UserError(f"{path}, {position}: {name} a second time at step {step}; keep one run's lines")
            values[step] = math.inf if value > LARGEST else -math.inf if value < -LARGEST else float(value)
    return by_name


def check_name(path: Path, position: str, name: str, number: int) -> None:
    """Raise `UserError` for a name longer than `LONGEST`, or one beyond `NAMES`, where `number` came before."""
    if len(name) > LONGEST:
        raise UserError(f"{path}, {position}: a name of {len(name):,} characters; at most {LONGEST} are read")
    if number == NAMES:
        raise UserError(f"{path}, {position}: more than {NAMES:,} names; leave out what is neither reward nor accuracy")


def whole(path: Path, position: str, stated: object) -> int:
    """A step as an integer. Raises `UserError` for anything else, negatives among them."""
    try:
        number = float(stated)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not number.is_integer() or number < 0 or number > 2**53:
        raise UserError(f"{path}, {position}: the step must be a whole number from 0, not {stated!r:.60}")
    return int(number)


def finite(path: Path, name: str, series: Series) -> Series:
    """The series as it is. Raises `UserError` naming the first step whose value is NaN or infinite."""
    for step, value in series.items():
        if not math.isfinite(value):
            raise UserError(
                f"{path}: {name} is {value} at step {step}; leave out what was not measured, or cut the log before it"
            )
    return series


def shares(path: Path, name: str, series: Series) -> tuple[Series, bool]:
    """Accuracies from 0 to 1, and whether they were per cent. Raises `UserError` for what is neither, and for more than
    `PROBES`."""
    if len(series) > PROBES:
        raise UserError(
            f"{path}: {name} at {len(series):,} steps, more than the {PROBES:,} that are assessed; keep every tenth "
            "probe"
        )
    low, high = min(finite(path, name, series).values()), max(series.values())
    if low < 0 or high > 100:
        raise UserError(f"{path}: {name} must be a share from 0 to 1 or per cent; it goes from {low:g} to {high:g}")
    if high <= 1:
        return series, False
    return {step: value / 100 for step, value in series.items()}, True


def at(series: Series, probes: np.ndarray) -> np.ndarray:
    """The values at the probes' steps (probes,), NaN where there is none."""
    return np.array([series.get(int(step), math.nan) for step in probes], float)


def weights(reward: Series, terms: Mapping[str, Series]) -> dict[str, float] | None:
    """The weight of each term in the reward, found by least squares, as their means must add up at every step.

    None where they do not add up, where the terms are too many, or the steps too few or too alike to tell them apart.
    """
    if not 0 < len(terms) <= TERMS:
        return None
    steps = sorted(set(reward).intersection(*terms.values()))
    if len(steps) <= len(terms):
        return None
    design = np.array([[values[step] for values in terms.values()] for step in steps])
    target = np.array([reward[step] for step in steps])
    smallest = 1e-6 * max(np.abs(design).max(), 1)
    if not np.isfinite(design).all() or np.linalg.matrix_rank(design, tol=smallest) < len(terms):
        return None
    fitted = np.linalg.lstsq(design, target, rcond=None)[0]
    if np.abs(design @ fitted - target).max() > EXACT * max(float(np.ptp(target)), 1e-6):
        return None
    return {name: round(float(weight), 4) for name, weight in zip(terms, fitted, strict=True)}


def fewest_items(accuracy: Series) -> int | None:
    """The fewest problems that could give these accuracies, all of them; None where they are rounded to few digits."""
    if all(round(value, 4) == value for value in accuracy.values()):
        return None
    number = 1
    for value in accuracy.values():
        near = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
        number = math.lcm(number, near.denominator)
        if number > LARGEST_DENOMINATOR or abs(float(near) - value) > 1e-9:
            return None
    return number


def number_of_items(known: int | None, accuracy: Series) -> tuple[int, list[str]]:
    """The problems behind each accuracy: as `known`, as the fractions imply, or a guess, with a word on it."""
    if known:
        return known, []
    lack = "the number of held-out problems is not in the log"
    if implied := fewest_items(accuracy):
        return implied, [f"{lack}; their fractions need {implied}, taken as such"]
    return ITEMS, [f"{lack}: taken as {ITEMS}; state it with --items"]
