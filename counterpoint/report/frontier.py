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
from counterpoint.report.phase import blend

MEASURES = {  # column of the cost, of what is efficient by it, and what it is
    "total_prompts": ("efficient_by_prompts", "prompts trained on"),
    "sampled_tokens": ("efficient_by_tokens", "tokens sampled, by itself and by its teacher"),
    "spent_seconds": ("efficient_by_seconds", "seconds of training and of its teacher"),
}
WIDTH, PANEL, UNDER, TOP, BOTTOM, KEYS, NOTE = 5.3, 2.1, 0.66, 0.74, 0.14, 0.21, 0.17  # inches; KEYS, NOTE: a line
LEFT, RIGHT = 0.62, 0.14
NONE = 0.5  # inches from no cost at all, which a logarithm has no place for, to the first decade shown
LINE, PALE, PALER = "#444444", 0.55, 0.3  # PALE, PALER: how much colour marks and intervals off the frontier have
STEP, ROOM = 0.035, 0.07  # inches: to the next place tried for a mark, between the middles of marks that do not touch
MARKS = {"base": "D", "sft": "o", "rl": "s", "sft_then_rl": "^", "dft": "v", "chord": "P", "relift": "X"}
OTHER = "h"
ELSEWHERE = "sibling"  # the kind of traces whose teacher is trained once for all students, so that no arm is charged it


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
    methods = [method for method in MARKS if any(row["method"] == method for row in rows)]
    methods += sorted({row["method"] for row in rows} - MARKS.keys())
    told = notes(rows)
    bottom = BOTTOM + NOTE * len(told) + KEYS * (math.ceil(len(methods) / 4) + 2)
    height = TOP + len(measures) * (PANEL + UNDER) + bottom
    with style.sheet(WIDTH, height, path) as figure:
        style.heading(figure, f"Accuracy against cost: {rows[0]['model']}", "in domain, greedy; means over seeds")
        for number, measure in enumerate(measures):
            under = height - TOP - number * (PANEL + UNDER) - PANEL
            across = WIDTH - LEFT - RIGHT
            axes = figure.add_axes(
                (LEFT / WIDTH, under / height, across / WIDTH, PANEL / height), xlim=(0, across), ylim=(0, PANEL)
            )
            _panel(axes, [row for row in rows if row[measure] is not None], measure, across)
        _key(figure, methods, told)
    return path


def notes(rows: Sequence[dict]) -> list[str]:
    """What the costs hold and what they do not."""
    told = ["0: none at all (oracle traces are given); what a run started from counts in full"]
    if any(row["kind"] == ELSEWHERE for row in rows):
        told.append(f"the training of {ELSEWHERE}'s teacher is not counted")
    return told


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
    muted, others = [], [row for row in rows if not row[efficient]]
    marks = apart(
        [(scale.x(row[measure]), scale.y(row["accuracy"])) for row in others], _bars(front, spots, scale), across
    )
    for row, (x, y) in zip([*others, *front], [*marks, *spots], strict=True):
        low, high = scale.y(row["low"]), scale.y(row["high"])
        _mark(axes, (x, y), (low, high), row["method"], bool(row[efficient]))
        muted += [Box(x - 0.03, y - 0.03, x + 0.03, y + 0.03)] + [Box(x, low, x, high)] * (3 * bool(row[efficient]))
    taken = [Box(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in spots]
    for (left, low), (right, high) in pairwise(corners):
        taken += [Box(left, low, right, low), Box(right, low, right, high)]
    names = [name_of(row) for row in front]
    for name, spot, box in zip(names, spots, placed(names, spots, taken, muted, (across, PANEL)), strict=True):
        _name(axes, name, spot, box)


def _bars(front: Sequence[dict], spots: Sequence[tuple[float, float]], scale: Scale) -> list[tuple[float, float]]:
    """Points along the intervals on the frontier."""
    found = []
    for row, (x, _) in zip(front, spots, strict=True):
        low, high = scale.y(row["low"]), scale.y(row["high"])
        found += [(x, low + STEP * step) for step in range(1 + int((high - low) / STEP))]
    return found


def apart(
    spots: Sequence[tuple[float, float]], taken: Sequence[tuple[float, float]], across: float
) -> list[tuple[float, float]]:
    """The spots, each moved sideways as little as it takes to touch neither `taken` nor one before it.

    Where there is no such place within 0.21 inches, it takes the one where it touches fewest."""
    found: list[tuple[float, float]] = []
    for x, y in spots:
        steps = sorted(range(-6, 7), key=lambda step: (abs(step), step))
        places = [(x + STEP * step, y) for step in steps if 0.05 <= x + STEP * step <= across - 0.05] or [(x, y)]
        others = [*taken, *found]
        near = [sum(math.dist(place, other) < ROOM for other in others) for place in places]
        found.append(places[near.index(min(near))])
    return found


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
    colour = style.colour(method)
    wide, above, bar = (1.3, 5, colour) if efficient else (0.6, 2, blend(colour, PALER))
    axes.plot([spot[0]] * 2, ends, color=bar, linewidth=wide, zorder=above)
    look = {"color": colour, "markersize": 6} if efficient else {"color": blend(colour, PALE), "markersize": 4.5}
    axes.plot(*spot, marker=MARKS.get(method, OTHER), linestyle="none", zorder=above + 1, **look)


def _name(axes, name: str, spot: tuple[float, float], box: Box) -> None:
    """The name in its box, with a line to its point where they are far apart."""
    end = (min(max(spot[0], box.left), box.right), min(max(spot[1], box.bottom), box.top))
    if math.dist(end, spot) > 0.13:
        axes.plot([spot[0], end[0]], [spot[1], end[1]], color="#8a8a8a", linewidth=0.7, zorder=4)
    axes.text(
        (box.left + box.right) / 2, (box.bottom + box.top) / 2, name, ha="center", va="center", size=style.SMALLEST,
        color="#1a1a1a", zorder=8, path_effects=[withStroke(linewidth=2.2, foreground="white")],
    )  # fmt: skip


def _key(figure, methods: Sequence[str], told: Sequence[str]) -> None:
    height = figure.get_figheight()
    lines = [
        Line2D([], [], color=LINE, lw=1.1, label="efficient frontier, by means"),
        Line2D([], [], color=LINE, lw=1.3, marker="o", markersize=5.5, label="on it, with its 95 % interval"),
        Line2D(
            [], [], color=blend(LINE, PALE), lw=0.6, marker="o", markersize=4.5, label="off it, moved aside to show all"
        ),
    ]
    marks = [
        Line2D([], [], color=style.colour(method), marker=MARKS.get(method, OTHER), lw=0, markersize=6, label=method)
        for method in methods
    ]
    how = {"loc": "lower left", "frameon": False, "borderaxespad": 0, "borderpad": 0, "columnspacing": 1.2}
    low = BOTTOM + NOTE * len(told)
    figure.legend(handles=lines, ncols=2, handlelength=1.8, bbox_to_anchor=(0.12 / WIDTH, low / height), **how)
    low += 2 * KEYS
    figure.legend(handles=marks, ncols=4, handlelength=1.0, bbox_to_anchor=(0.12 / WIDTH, low / height), **how)
    for line, note in enumerate(reversed(told)):
        figure.text(
            0.12 / WIDTH, (0.08 + NOTE * line) / height, note, va="bottom", size=style.SMALLEST, color=style.MUTED
        )
