"""frontier_MODEL.png: accuracy against its cost in prompts, sampled tokens and seconds, with the efficient frontier.

Drawn from rows of the mart `cost_curve`. Seconds differ from one rerun to the next, and so do these pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from counterpoint.report import style
from counterpoint.report.labels import Box, placed

MEASURES = {  # column of the cost, of what is efficient by it, and what it is
    "total_prompts": ("efficient_by_prompts", "prompts trained on"),
    "sampled_tokens": ("efficient_by_tokens", "tokens sampled, by itself and by its teacher"),
    "spent_seconds": ("efficient_by_seconds", "seconds of training and of its teacher"),
}
WIDTH, PANEL, UNDER, TOP, BOTTOM = 5.3, 2.1, 0.66, 0.74, 0.74  # inches
LEFT, RIGHT = 0.62, 0.14
NONE = 0.5  # inches from no cost at all, which a logarithm has no place for, to the first decade shown
LINE, FAINT, FAINTER = "#444444", "#b9b9b9", "#dcdcdc"
MARKS = {"base": "D", "sft": "o", "rl": "s", "sft_then_rl": "^", "dft": "v", "chord": "P", "relift": "X"}
OTHER = "h"


@dataclass(frozen=True)
class Scale:
    """Where costs and accuracies lie in a panel, in inches from its lower left."""

    least: float  # the power of ten at the first decade
    start: float  # where that is
    decade: float  # inches of a decade
    low: float  # accuracies at the lower and the upper edge
    high: float

    def x(self, cost: float) -> float:
        """Of a cost; what cost nothing lies `NONE` before the first decade."""
        return self.start + (self.decade * math.log10(cost / self.least) if cost > 0 else -NONE)

    def y(self, accuracy: float) -> float:
        """Of an accuracy, a fraction."""
        return (accuracy - self.low) / (self.high - self.low) * PANEL


def draw_all(rows: Sequence[dict], folder: Path) -> list[Path]:
    """Draw a picture for each model that was trained, and name the files."""
    models = dict.fromkeys(row["model"] for row in rows if row["method"] != "base")
    return [draw([row for row in rows if row["model"] == model], folder / f"frontier_{model}.png") for model in models]


def draw(rows: Sequence[dict], path: Path) -> Path:
    """Draw one model's rows of the mart `cost_curve`, a panel for each cost that is known of any trained arm."""
    trained = [row for row in rows if row["method"] != "base"]
    measures = [name for name in MEASURES if any(row[name] is not None for row in trained)]
    height = TOP + len(measures) * (PANEL + UNDER) + BOTTOM
    with style.sheet(WIDTH, height, path) as figure:
        style.heading(figure, f"Accuracy against cost: {rows[0]['model']}", "in domain, greedy; means over seeds")
        for number, measure in enumerate(measures):
            under = height - TOP - number * (PANEL + UNDER) - PANEL
            across = WIDTH - LEFT - RIGHT
            axes = figure.add_axes(
                (LEFT / WIDTH, under / height, across / WIDTH, PANEL / height), xlim=(0, across), ylim=(0, PANEL)
            )
            _panel(axes, [row for row in rows if row[measure] is not None], measure, across)
        _key(figure)
    return path


def scale_of(rows: Sequence[dict], measure: str, across: float) -> Scale:
    """The scale on which all of the costs and intervals have a place."""
    costs = [row[measure] for row in rows]
    paid = [cost for cost in costs if cost > 0]
    least = 10.0 ** math.floor(math.log10(min(paid, default=1.0)))
    start = 0.22 + (NONE if len(paid) < len(costs) else 0.0)
    decades = math.log10(max(paid, default=least) / least) or 1.0
    ends = [row[side] for row in rows for side in ("low", "high")]
    low, high = max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02)
    return Scale(least, start, (across - start - 0.16) / decades, low, high)


def _panel(axes, rows: Sequence[dict], measure: str, across: float) -> None:
    efficient, told = MEASURES[measure]
    scale = scale_of(rows, measure, across)
    _ticks(axes, scale, across, zero=any(row[measure] == 0 for row in rows))
    axes.set_xlabel(told)
    axes.set_ylabel("accuracy, %")
    front = sorted((row for row in rows if row[efficient]), key=lambda row: row[measure])
    spots = [(scale.x(row[measure]), scale.y(row["accuracy"])) for row in front]
    corners = [*spots, (across, spots[-1][1])]
    axes.step(*zip(*corners, strict=True), where="post", color=LINE, linewidth=1.1, zorder=3)
    muted = []
    for row in rows:
        x, y, low, high = scale.x(row[measure]), *(scale.y(row[name]) for name in ("accuracy", "low", "high"))
        _mark(axes, (x, y), (low, high), row["method"], bool(row[efficient]))
        muted += [Box(x - 0.03, y - 0.03, x + 0.03, y + 0.03)] + [Box(x, low, x, high)] * (2 * bool(row[efficient]))
    taken = [Box(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in spots]
    for (left, low), (right, high) in pairwise(corners):
        taken += [Box(left, low, right, low), Box(right, low, right, high)]
    names = [name_of(row) for row in front]
    for name, spot, box in zip(names, spots, placed(names, spots, taken, muted, (across, PANEL)), strict=True):
        _name(axes, name, spot, box)


def _ticks(axes, scale: Scale, across: float, zero: bool) -> None:
    decades = range(1 + int((across - scale.start) / scale.decade))
    costs = [scale.least * 10**decade for decade in decades]
    axes.set_xticks([scale.x(cost) for cost in [0] * zero + costs], ["0"] * zero + [rounded(cost) for cost in costs])
    between = [scale.x(cost * step) for cost in costs for step in range(2, 10)]
    axes.set_xticks([x for x in between if x <= across], minor=True)
    axes.tick_params(axis="x", which="minor", length=1.8)
    axes.grid(visible=False, axis="x", which="minor")
    shown = [percent for percent in range(0, 101, 10) if scale.low <= percent / 100 <= scale.high]
    axes.set_yticks([scale.y(percent / 100) for percent in shown], [str(percent) for percent in shown])
    for shift in (-0.025, 0.025) if zero else ():  # two strokes through the axis: it is broken here
        middle = scale.start - NONE / 2 + shift
        axes.plot([middle - 0.02, middle + 0.02], [-0.05, 0.05], color=LINE, linewidth=1, clip_on=False, zorder=9)


def rounded(number: float) -> str:
    """A power of ten in few letters: 0.1, 100, 10k, 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def name_of(row: dict) -> str:
    """Arm and sample."""
    return "base" if row["method"] == "base" else f"{row['arm']} {row['sample']}"


def _mark(axes, spot: tuple[float, float], ends: tuple[float, float], method: str, efficient: bool) -> None:
    look = style.colour(method) if efficient else FAINT
    wide, above = (1.3, 5) if efficient else (0.8, 2)
    axes.plot([spot[0]] * 2, ends, color=look if efficient else FAINTER, linewidth=wide, zorder=above)
    size = 6 if efficient else 4
    axes.plot(*spot, marker=MARKS.get(method, OTHER), color=look, linestyle="none", markersize=size, zorder=above + 1)


def _name(axes, name: str, spot: tuple[float, float], box: Box) -> None:
    """The name in its box, with a line to its point where they are far apart."""
    end = (min(max(spot[0], box.left), box.right), min(max(spot[1], box.bottom), box.top))
    if math.dist(end, spot) > 0.13:
        axes.plot([spot[0], end[0]], [spot[1], end[1]], color="#8a8a8a", linewidth=0.7, zorder=4)
    axes.text(
        (box.left + box.right) / 2, (box.bottom + box.top) / 2, name, ha="center", va="center", size=style.SMALLEST,
        color="#1a1a1a", zorder=8, path_effects=[withStroke(linewidth=2.2, foreground="white")],
    )  # fmt: skip


def _key(figure) -> None:
    height = figure.get_figheight()
    handles = [
        Line2D([], [], color=LINE, lw=1.1, label="efficient frontier, by means"),
        Line2D([], [], color=LINE, lw=1.3, marker="o", markersize=5.5, label="on it, with its 95 % interval"),
        Line2D([], [], color=FAINT, lw=0.8, marker="o", markersize=4, label="other arms"),
    ]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.06 / WIDTH, 0.27 / height), ncols=2, frameon=False,
        borderaxespad=0, columnspacing=1.2, handlelength=1.8,
    )  # fmt: skip
    told = "0: none at all (oracle traces are given); what a run started from counts in full"
    figure.text(0.12 / WIDTH, 0.08 / height, told, va="bottom", size=style.SMALLEST, color=style.MUTED)
