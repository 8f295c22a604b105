"""Runs that earn a reward as marks: where their reward and accuracy ended, by verdict, mechanism and honesty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from matplotlib.lines import Line2D

from counterpoint.report import style
from counterpoint.report.rewarded import Rewarded
from counterpoint.report.words import name

MARKS = {
    "none": "o", "unknown": "o", "format": "s", "verifier": "D", "memorisation": "^", "over_specialisation": "v",
    "decoding": "P", "length": "X",
}  # fmt: skip
SIZES = {"o": 8, "s": 7.5, "D": 7.5, "^": 9, "v": 9, "P": 10.5, "X": 10.5}
REACH, NEAR = 0.15, 0.11  # inches: from a mark to its letter; nearer than this they touch
ARROW = {"arrowstyle": "-|>", "lw": 0.8, "alpha": 0.55, "shrinkA": 0, "shrinkB": 4}
STROKE = {"arrowstyle": "-", "lw": 0.7, "alpha": 0.4, "shrinkA": 0, "shrinkB": 0}
Spot = tuple[float, float]  # reward, and accuracy as a fraction


@dataclass(frozen=True)
class Mark:
    """One run, or the mean of an arm's runs, with the letter beside it."""

    letter: str
    start: Spot
    end: Spot
    verdict: str
    mechanism: str
    planted: bool


def letter(place: int) -> str:
    """a to z, then aa, ab, …"""
    more, last = divmod(place, len(ascii_lowercase))
    return (letter(more - 1) if more else "") + ascii_lowercase[last]


def panel(axes, marks: Sequence[Mark], size: tuple[float, float], heads: bool = True) -> None:
    """Draw the marks in axes of `size` inches, each with a line from its start, which ends in an arrow with `heads`."""
    x = [end[0] for mark in marks for end in (mark.start, mark.end)]
    y = [100 * end[1] for mark in marks for end in (mark.start, mark.end)]
    for values, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        pad = 0.07 * max(max(values) - min(values), 1e-3 * max(1.0, *map(abs, values)))
        limit(min(values) - pad, max(values) + pad)
    for mark in marks:
        (left, low), (right, high), ink = mark.start, mark.end, style.INK[mark.verdict]
        line = ARROW if heads else STROKE
        axes.annotate("", (right, 100 * high), (left, 100 * low), arrowprops={**line, "color": ink}, zorder=3)
        axes.plot(right, 100 * high, zorder=5, **look(MARKS[mark.mechanism], mark.verdict, mark.planted))
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    inches = [
        ((mark.end[0] - left) / (right - left) * size[0], (100 * mark.end[1] - low) / (high - low) * size[1])
        for mark in marks
    ]
    for mark, (across, up) in zip(marks, places(inches, size), strict=True):
        axes.text(across / size[0], up / size[1], mark.letter, transform=axes.transAxes, ha="center", va="center",
                  size=style.SMALLEST, zorder=6)  # fmt: skip


def places(marks: Sequence[tuple[float, float]], size: tuple[float, float]) -> list[tuple[float, float]]:
    """For each mark a place beside it for its letter, inside a panel of `size`, that touches fewest other things."""
    found: list[tuple[float, float]] = []
    for mark in marks:
        around = [
            (mark[0] + REACH * math.cos(turn * math.pi / 4), mark[1] + REACH * math.sin(turn * math.pi / 4))
            for turn in (1, 0, 2, 3, 4, 5, 6, 7)
        ]
        inside = [p for p in around if all(0.06 < value < most - 0.06 for value, most in zip(p, size, strict=True))]
        things = [*marks, *found]
        found.append(
            min(inside or around, key=lambda p: sum(max(0.0, 1 - math.dist(p, thing) / NEAR) for thing in things))
        )
    return found


def look(mark: str, verdict: str, planted: bool) -> dict:
    """Filled for an honest reward, open for a planted one."""
    colour = style.VERDICTS[verdict]
    return {
        "marker": mark, "markersize": SIZES[mark], "markerfacecolor": "white" if planted else colour,
        "markeredgecolor": colour if planted else style.INK[verdict], "markeredgewidth": 2.2 if planted else 0.8,
        "linestyle": "none",
    }  # fmt: skip


def handles(runs: Sequence[Rewarded]) -> list[Line2D]:
    """A legend's entries: the verdicts, mechanisms and planted rewards that there are."""
    verdicts = [verdict for verdict in style.VERDICTS if any(one.row["verdict"] == verdict for one in runs)]
    found = [Line2D([], [], label=verdict, **look("o", verdict, False)) for verdict in verdicts]
    grey = {"color": style.MUTED, "linestyle": "none"}
    seen = {one.row["mechanism"] for one in runs}
    if seen & {"none", "unknown"}:
        found.append(Line2D([], [], marker="o", markersize=8, label="no mechanism named", **grey))
    found += [
        Line2D([], [], marker=mark, markersize=SIZES[mark], label=name(mechanism), **grey)
        for mechanism, mark in MARKS.items()
        if mechanism in seen and mark != "o"
    ]
    if any(one.planted for one in runs):
        open_mark = {**grey, "marker": "o", "markersize": 8, "markerfacecolor": "white", "markeredgewidth": 2.2}
        found.append(Line2D([], [], label="open: planted reward", **open_mark))
    return found
