"""accuracy_by_arm.png: every arm and sample on the core suites, by model, against the base and the blind baselines."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from counterpoint.params import BLIND
from counterpoint.report import style
from counterpoint.report.results import METHODS, Group, Results

TITLE = "Accuracy by arm"
BLIND_ROW = "blind"
BLIND_MARKS = {"no_image": ("x", -0.31), "shuffled_image": ("+", 0.0)}  # mark, and its place beside the row
MAJORITY_MARK = ("D", 0.31)
ROW = 0.17  # inches
DOUBTFUL = "#f1efe9"


def draw(results: Results, path: Path) -> None:
    """Draw a panel for each core suite and model; an arm's seeds are dots in its row, their mean a line across it."""
    if not results.cells:
        style.said_plainly(path, TITLE, "No run of this study has been evaluated.")
        return
    models, suites, groups = results.models, results.core, results.groups
    several = any(len(group.runs) > 1 for group in groups)
    names = list(dict.fromkeys(["base", BLIND_ROW, *(group.name for group in _ordered(results))]))
    methods = sorted({run.method for run in results.runs}, key=[*METHODS, *(g.method for g in groups)].index)
    left = 0.30 + 0.078 * max(len(name) for name in names)
    panel, inner = (1.95 if len(models) > 2 else 2.6), ROW * (len(names) + 0.6)
    width = max(left + len(models) * panel + 0.2, 5.2)
    handles = _handles(methods, any(not group.plain for group in groups), several)
    columns = min(4, max(2, int(width / 1.75)))
    top, bottom, gap = 1.18, 0.6 + 0.2 * math.ceil(len(handles) / columns), 0.36
    height = top + len(suites) * (inner + gap) - gap + bottom
    with style.sheet(width, height, path) as figure:
        told = "a dot each seed, a bar at their mean" if several else "with 95% intervals (Wilson)"
        style.heading(figure, TITLE, f"greedy accuracy, %, {told}")
        grid = figure.subplots(len(suites), len(models), squeeze=False, sharex=True, sharey=True)
        figure.subplots_adjust(
            left=left / width, right=1 - 0.2 / width, top=1 - top / height,
            bottom=bottom / height, hspace=gap / inner, wspace=0.10,
        )  # fmt: skip
        for line, suite in enumerate(suites):
            for column, model in enumerate(models):
                axes = grid[line, column]
                _panel(axes, results, model, suite, names)
                if column == 0:
                    above = axes.get_position().y1 + 0.06 / height
                    figure.text(0.12 / width, above, suite, va="bottom", weight="bold", size=10.5)
                if line == 0:
                    middle = axes.get_position()
                    figure.text(
                        (middle.x0 + middle.x1) / 2, 1 - 0.66 / height, model, ha="center", va="top", weight="bold",
                        size=11, color=style.METHOD_COLOURS["base"],
                    )  # fmt: skip
                if line == len(suites) - 1:
                    axes.set_xlabel("accuracy, %")
        grid[0, 0].set_yticks(range(len(names)), names, size=style.SMALLEST)
        grid[0, 0].set_ylim(len(names) - 0.4, -0.6)
        grid[0, 0].set_xlim(-2, 102)
        grid[0, 0].set_xticks(range(0, 101, 25))
        figure.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(0.08 / width, 0.04 / height), ncols=columns,
            frameon=False, columnspacing=1.3, handlelength=1.8, borderaxespad=0,
        )  # fmt: skip


def _ordered(results: Results) -> list[Group]:
    """The trained groups by sample and arm: the order in which the model with most of them has them, others after."""
    models = sorted(results.models, key=lambda model: -sum(group.model == model for group in results.groups))
    return [g for model in models for g in results.groups if g.model == model and g.method != "base"]


def _panel(axes, results: Results, model: str, suite: str, names: list[str]) -> None:
    axes.grid(visible=False, axis="y")
    base, grey = results.cell(results.base(model), suite), style.METHOD_COLOURS["base"]
    if base:
        axes.axvspan(100 * base.low, 100 * base.high, color=grey, alpha=0.13, lw=0, zorder=1)
        axes.axvline(100 * base.accuracy, color=grey, linewidth=1.1, zorder=2)
        mark, shift = MAJORITY_MARK
        axes.plot(
            100 * base.majority, names.index(BLIND_ROW) + shift, marker=mark, color=grey, markerfacecolor="white",
            markersize=3.6, zorder=5,
        )  # fmt: skip
    for condition, (mark, shift) in BLIND_MARKS.items():
        if cell := results.cell(results.base(model), suite, condition):
            height = names.index(BLIND_ROW) + shift
            axes.plot([100 * cell.low, 100 * cell.high], [height] * 2, color=grey, linewidth=0.9, zorder=4)
            axes.plot(100 * cell.accuracy, height, marker=mark, color=grey, markersize=5, markeredgewidth=1.3, zorder=5)
    for group in results.groups:
        if group.model == model:
            _row(axes, results, group, suite, names.index(group.name))
    if results.measurable(model, suite) is False:
        axes.set_facecolor(DOUBTFUL)
        axes.set_title("not measurable", loc="right", style="italic", color=style.MUTED, size=style.SMALLEST)


def _row(axes, results: Results, group: Group, suite: str, place: int) -> None:
    cells, look = results.group_cells(group, suite), style.colour(group.method)
    if not cells:
        return
    face = look if group.plain else "white"
    values = [100 * cell.accuracy for cell in cells]
    if len(cells) == 1:
        axes.plot([100 * cells[0].low, 100 * cells[0].high], [place] * 2, color=look, linewidth=1.8, zorder=4)
        axes.plot(
            values, [place], marker="o", markersize=4.8, color=look, markerfacecolor=face, markeredgewidth=1.4, zorder=6
        )
        return
    mean = sum(values) / len(values)
    axes.plot([min(values), max(values)], [place] * 2, color=look, linewidth=0.9, zorder=3)
    axes.plot(
        values, [place] * len(values), marker="o", markersize=4.2, color=look, markerfacecolor=face, linestyle="none",
        markeredgewidth=0.9, alpha=0.75, zorder=4,
    )  # fmt: skip
    axes.plot(mean, place, marker="|", markersize=11, color=look, markeredgewidth=2.2, zorder=6)


def _handles(methods: list[str], variants: bool, several: bool) -> list[Artist]:
    grey = style.METHOD_COLOURS["base"]
    line = 0.9 if several else 1.8
    handles = [
        Line2D([], [], color=style.colour(method), marker="o", markersize=5.2, lw=line, label=method)
        for method in methods
    ]
    if variants:
        handles.append(
            Line2D([], [], color=style.MUTED, marker="o", markerfacecolor="white", lw=line, label="variant (hollow)")
        )
    if several:
        handles.append(
            Line2D([], [], color=style.MUTED, marker="|", markersize=11, lw=0, markeredgewidth=2.2, label="mean")
        )
    marks = [
        Line2D(
            [], [], color=grey, marker=BLIND_MARKS[c][0], lw=0.9, markersize=6, markeredgewidth=1.4, label=f"base, {c}"
        )
        for c in BLIND
    ]
    handles += [Patch(color=grey, alpha=0.2, lw=0, label="base's interval"), *marks]
    handles.append(
        Line2D(
            [], [], color=grey, marker=MAJORITY_MARK[0], markerfacecolor="white", lw=0, markersize=4.5,
            label="majority answer by family",
        )
    )  # fmt: skip
    handles.append(Patch(facecolor=DOUBTFUL, edgecolor="#c9c5ba", lw=0.7, label="not measurable: base not above blind"))
    return handles
