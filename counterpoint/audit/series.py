"""Numbers by step: checked when they are read, and brought to the steps of the probes."""

from __future__ import annotations

import math
import re
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
CLOCKS = re.compile(r"_|profiling/")  # metrics of trackers and of TRL that tell the time, several times at a step
DECISIVE = re.compile(r"reward|score|return|acc|correct|exact|match|pass|solve|success", re.IGNORECASE)


class Collector:
    """Takes the numbers of one run step by step: `by_name`, by metric its values."""

    def __init__(self, path: Path):
        self.path = path
        self.by_name: dict[str, Series] = {}
        self.last: dict[str, int] = {}

    def add(self, position: str, stated: object, metrics: Mapping[str, object]) -> None:
        """Take what is logged at a step; what is no number is left out. `position` says where in the file.

        Raises `UserError` where the steps of a reward or an accuracy fall or repeat, and for more names than an honest
        log has. Another metric whose steps do so, such as a speed in training and evaluation, is left out.
        """
        step = whole(self.path, position, stated)
        for name, value in metrics.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or CLOCKS.match(name):
                continue
            if name not in self.last:
                check_name(self.path, position, name, len(self.last))
                self.by_name[name] = {}
            elif step <= self.last[name]:
                self._leave_out(position, name, step)
            if name in self.by_name:
                self.by_name[name][step] = clipped(value)
            self.last[name] = step

    def _leave_out(self, position: str, name: str, step: int) -> None:
        last = self.last[name]
        if DECISIVE.search(name):
            order = f"{name} a second time at step {step}" if step == last else f"step {step} after step {last}"
            raise UserError(f"{self.path}, {position}: {order}; keep one run's lines, in their order")
        self.by_name.pop(name, None)


def collect(path: Path, rows: Iterable[tuple[str, object, Mapping[str, object]]]) -> dict[str, Series]:
    """By metric its values, from rows of (position in the file, step, metrics). Raises `UserError` as `Collector`."""
    collector = Collector(path)
    for row in rows:
        collector.add(*row)
    return collector.by_name


def clipped(value: float) -> float:
    """The value, infinite where it is beyond `LARGEST`."""
    return math.inf if value > LARGEST else -math.inf if value < -LARGEST else float(value)


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

    A term that is 0 throughout has no weight that could be told, nor have several that never change: they are left out.
    None where the terms do not add up, are too many, or the steps too few or too alike to tell them apart.
    """
    steps = sorted(set(reward).intersection(*terms.values())) if 0 < len(terms) <= TERMS else []
    if not steps:
        return None
    target = np.array([reward[step] for step in steps])
    columns = {name: np.array([values[step] for step in steps]) for name, values in terms.items()}
    if not all(np.isfinite(values).all() for values in (target, *columns.values())):
        return None
    constant = [name for name, values in columns.items() if np.ptp(values) == 0 and values.any()]
    shared = len(constant) > 1  # what they pay together is one number
    names = [name for name, values in columns.items() if values.any() and not (shared and name in constant)]
    design = np.array([columns[name] for name in names] + [np.ones(len(steps))] * shared).T
    if not names or len(steps) <= design.shape[1]:
        return None
    rounding = sum(_rounding(values) for values in (target, *columns.values()))
    smallest = max(1e-6 * max(np.abs(design).max(), 1), rounding * len(steps) ** 0.5)
    if np.linalg.matrix_rank(design, tol=smallest) < design.shape[1]:
        return None
    fitted = np.linalg.lstsq(design, target, rcond=None)[0]
    if np.abs(design @ fitted - target).max() > max(EXACT * max(float(np.ptp(target)), 1e-6), rounding):
        return None
    digits = 2 if rounding else 4
    return {name: round(float(weight), digits) + 0.0 for name, weight in zip(names, fitted, strict=False)}


def _rounding(values: np.ndarray) -> float:
    """The most by which values were rounded where all have four digits or fewer, as a console prints them; else 0."""
    if any(float(f"{value:.4g}") != value for value in values.tolist()):
        return 0.0
    return 5e-4 * float(np.abs(values).max())


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
        return implied, [f"{lack}: taken as {implied}, the fewest that give such accuracies; state it with --items"]
    return ITEMS, [f"{lack}, and rounded accuracies do not tell it: taken as {ITEMS}; state it with --items"]
