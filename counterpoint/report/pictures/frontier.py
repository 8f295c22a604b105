"""frontier_MODEL.png: accuracy against its cost in prompts, sampled tokens and seconds, with the efficient frontier.

Drawn from rows of the mart `cost_curve`: what is efficient has its interval and its name, all else is a pale mark.
Seconds differ from one rerun to the next, and so do these pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from matplotlib.patheffects import withStroke

from counterpoint.report.pictures import style
from counterpoint.report.pictures.labels import Box, placed

MEASURES = {  # column of the cost, of what is efficient by it, and what it is
    "total_prompts": ("efficient_by_prompts", "prompts trained on"),
    "sampled_tokens": ("efficient_by_tokens", "tokens sampled, by itself and by its teacher"),
    "spent_seconds": ("efficient_by_seconds", "seconds of training and of its teacher"),
}
WIDTH, PANEL, UNDER, TOP, BOTTOM, KEYS, NOTE = 6.4, 2.5, 0.66, 0.74, 0.14, 0.21, 0.17  # inches; KEYS, NOTE: a line
LEFT, RIGHT = 0.62, 0.14
ZERO = 0.6  # decades from no cost at all, which a logarithm has no place for, to the first decade shown
LINE, PALE = "#444444", 0.4  # PALE: how much colour marks off the frontier have
MARKS = {"base": "D", "sft": "o", "rl": "s", "sft_then_rl": "^", "dft": "v", "chord": "P", "relift": "X"}
OTHER = "h"
ELSEWHERE = "sibling"  # the kind of traces whose teacher is trained once for all students, so that no arm is charged it


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
    notes = remarks(rows)
    bottom = BOTTOM + NOTE * len(notes) + KEYS * (math.ceil(len(methods) / 4) + 1)
    height = TOP + len(measures) * (PANEL + UNDER) + bottom
    title = f"Accuracy against cost: {rows[0]['model']}"
    with style.sheet(WIDTH, height, path, title, "in domain, greedy; means over seeds") as figure:
        size = (WIDTH - LEFT - RIGHT, PANEL)
        for number, measure in enumerate(measures):
            axes = style.panel(figure, LEFT, TOP + number * (PANEL + UNDER), *size)
            _panel(axes, [row for row in rows if row[measure] is not None], measure, size)
        _key(figure, methods, notes)
    return path


def remarks(rows: Sequence[dict]) -> list[str]:
    """What the costs hold and what they do not."""
    notes = ["0: none at all (oracle traces are given); what a run started from counts in full"]
    if any(row["kind"] == ELSEWHERE for row in rows):
        notes.append(f"the training of {ELSEWHERE}'s teacher is not counted")
    return notes


def _panel(axes, rows: Sequence[dict], measure: str, size: tuple[float, float]) -> None:
    efficient, label = MEASURES[measure]
    _scale(axes, [row[measure] for row in rows])
    axes.set_xlabel(label)
    axes.set_ylabel("accuracy, %")
    front = sorted((row for row in rows if row[efficient]), key=lambda row: row[measure])
    others = [row for row in rows if not row[efficient]]
    low = min([*(row["low"] for row in front), *(row["accuracy"] for row in others)])
    high = max([*(row["high"] for row in front), *(row["accuracy"] for row in others)])
    axes.set_ylim(max(0, 100 * low - 3), min(100, 100 * high + 3))
    for row in others:
        colour = style.blend(style.colour(row["method"]), PALE)
        mark = MARKS.get(row["method"], OTHER)
        axes.plot(row[measure], 100 * row["accuracy"], mark, color=colour, markersize=4)
    corners = [(row[measure], 100 * row["accuracy"]) for row in front]
    corners.append((axes.get_xlim()[1], corners[-1][1]))
    axes.step(*zip(*corners, strict=True), where="post", color=LINE, linewidth=1.1, zorder=3)
    for row in front:
        colour = style.colour(row["method"])
        mark = MARKS.get(row["method"], OTHER)
        axes.plot([row[measure]] * 2, [100 * row["low"], 100 * row["high"]], color=colour, linewidth=1.3, zorder=5)
        axes.plot(row[measure], 100 * row["accuracy"], mark, color=colour, markersize=7, zorder=6)
    _names(axes, front, others, measure, size)


def _scale(axes, costs: Sequence[float]) -> None:
    """A logarithmic axis on which no cost at all has a place of its own."""
    paid = [cost for cost in costs if cost > 0]
    first = math.floor(math.log10(min(paid, default=1.0)))
    last = math.log10(max(paid, default=10.0))
    zero = len(paid) < len(costs)
    decades = [10.0**power for power in range(first, math.floor(last) + 1)]
    axes.set_xscale("symlog", linthresh=10.0**first, linscale=ZERO)
    axes.set_xlim(-0.3 * 10.0**first if zero else 0.8 * min(paid), 10.0**last * 1.15)
    ticks = [0.0, *decades] if zero else [tick for tick in decades if tick >= 0.8 * min(paid)]
    axes.set_xticks(ticks, [short(tick) for tick in ticks])
    axes.set_xticks([], minor=True)


def short(number: float) -> str:
    """A power of ten in few letters: 0.1, 100, 10k, 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


def name_of(row: dict) -> str:
    """Arm and sample."""
    return "base" if row["method"] == "base" else f"{row['arm']} {row['sample']}"


def _names(axes, front: Sequence[dict], others: Sequence[dict], measure: str, size: tuple[float, float]) -> None:
    """The names of the efficient arms, clear of each other, of the marks on the frontier and of its line."""

    def inches(row: dict, column: str) -> tuple[float, float]:
        across, up = axes.transAxes.inverted().transform(axes.transData.transform((row[measure], 100 * row[column])))
        return across * size[0], up * size[1]

    spots = [inches(row, "accuracy") for row in front]
    taken = [Box(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in spots]
    for (left, low), (right, high) in pairwise([*spots, (size[0], spots[-1][1])]):
        taken += [Box(left, low, right, low), Box(right, low, right, high)]
    muted = [Box(x - 0.03, y - 0.03, x + 0.03, y + 0.03) for x, y in (inches(row, "accuracy") for row in others)]
    intervals = [Box(*inches(row, "low"), *inches(row, "high")) for row in front]
    names = [name_of(row) for row in front]
    boxes = placed(names, spots, [*taken, *intervals], muted, size)
    for name, spot, box in zip(names, spots, boxes, strict=True):
        end = (min(max(spot[0], box.left), box.right), min(max(spot[1], box.bottom), box.top))
        if math.dist(end, spot) > 0.13:
            line = [(x / size[0], y / size[1]) for x, y in (spot, end)]
            axes.plot(*zip(*line, strict=True), transform=axes.transAxes, color="#8a8a8a", linewidth=0.7, zorder=4)
        axes.text(
            (box.left + box.right) / 2 / size[0], (box.bottom + box.top) / 2 / size[1], name, transform=axes.transAxes,
            ha="center", va="center", size=style.SMALLEST, color="#1a1a1a", zorder=8,
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
        )  # fmt: skip


def _key(figure, methods: Sequence[str], notes: Sequence[str]) -> None:
    lines = [
        style.entry("efficient, by means; 95 % interval", LINE, lw=1.1, marker="o", markersize=6),
        style.entry("not efficient", style.blend(LINE, PALE), lw=0, marker="o", markersize=4),
    ]
    marks = [
        style.entry(method, style.colour(method), marker=MARKS.get(method, OTHER), lw=0, markersize=6)
        for method in methods
    ]
    low = BOTTOM + NOTE * len(notes)
    style.legend(figure, lines, 2, 0.12, low, handlelength=1.8, borderpad=0)
    style.legend(figure, marks, 4, 0.12, low + KEYS, handlelength=1.0, borderpad=0)
    for line, note in enumerate(reversed(notes)):
        style.text(figure, 0.12, -(0.08 + NOTE * line), note, va="bottom", color=style.MUTED)
