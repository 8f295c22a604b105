"""accuracy_by_arm.png: every arm and sample on the core suites, by model, against the base and the blind baselines.

Of a study with many arms those on the samples of the claims are drawn: all of them on the main suite, the plain ones on
the others.
"""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.patches import Patch

from counterpoint.params import BLIND
from counterpoint.report.pictures import style
from counterpoint.report.results import METHODS, ArmRuns, Results

TITLE = "Accuracy by arm"
BLIND_ROW = "blind"
BLIND_MARKS = {"no_image": ("x", -0.31), "shuffled_image": ("+", 0.0)}  # mark, and its place beside the row
MAJORITY_MARK = ("D", 0.31)
ROW, LEFT_OUT = 0.17, 0.2  # inches: of an arm, of the line that says which are left out
MANY, MOST, FEW = 20, 40, 8  # arms above which some are left out; that are drawn then, and off the main suite
DOUBTFUL = "#f1efe9"


def draw(results: Results, path: Path) -> None:
    """Draw a panel for each core suite and model; an arm's seeds are dots in its row, their mean a line across it."""
    if not results.cells:
        style.sentence(path, TITLE, "No run of this study has been evaluated.")
        return
    models, suites = results.models, results.core
    rows, left_out = shown(results)
    crowded = bool(left_out)
    arms = [arm for arm in results.arms if any(arm.name in rows[suite] for suite in suites)]
    several = any(len(arm.runs) > 1 for arm in arms)
    methods = sorted({arm.method for arm in arms}, key=[*METHODS, *(g.method for g in arms)].index)
    left = 0.30 + 0.078 * max(len(name) for names in rows.values() for name in names)
    panel = 1.95 if len(models) > 2 else 2.6
    if crowded:
        panel = 1.45
    inner = [ROW * (len(rows[suite]) + 0.6) for suite in suites]
    width = max(left + len(models) * panel + 0.2, 5.2)
    highest = max(max(cell.high, cell.majority) for cell in results.cells.values() if cell.suite in suites)
    pairs = [(model, suite) for model in models for suite in suites]
    asked = [c for c in BLIND if any(results.cell(results.base(model), suite, c) for model, suite in pairs)]
    doubtful = any(results.measurable(*pair) is False for pair in pairs)
    handles = _handles(methods, any(not arm.plain for arm in arms), several, asked, doubtful)
    columns = min(4, max(2, int(width / 1.75)))
    top, bottom = 1.18 + LEFT_OUT * crowded, 0.6 + 0.2 * math.ceil(len(handles) / columns)
    gap, reach = (0.46, max(50, 10 * math.ceil(10 * highest))) if crowded else (0.36, 100)
    height = top + sum(inner) + gap * (len(suites) - 1) + bottom
    seen = "a dot each seed, a bar at their mean" if several else "with 95% intervals (Wilson)"
    with style.sheet(width, height, path, TITLE, f"greedy accuracy, %, {seen}") as figure:
        style.text(figure, 0.12, 0.54, left_out, va="top", color=style.MUTED, size=9.5)
        grid = figure.subplots(
            len(suites), len(models), squeeze=False, sharex=True, sharey="row", height_ratios=inner,
        )  # fmt: skip
        figure.subplots_adjust(
            left=left / width, right=1 - 0.2 / width, top=1 - top / height,
            bottom=bottom / height, hspace=gap / (sum(inner) / len(inner)), wspace=0.10,
        )  # fmt: skip
        for line, suite in enumerate(suites):
            for column, model in enumerate(models):
                axes = grid[line, column]
                _panel(axes, results, model, suite, rows[suite])
                if column == 0:
                    above = axes.get_position().y1 + 0.06 / height
                    figure.text(0.12 / width, above, suite, va="bottom", weight="bold", size=10.5)
                if line == 0:
                    middle = axes.get_position()
                    figure.text(
                        (middle.x0 + middle.x1) / 2, 1 - (top - 0.52) / height, model, ha="center", va="top",
                        weight="bold", size=11, color=style.METHOD_COLOURS["base"],
                    )  # fmt: skip
                if line == len(suites) - 1:
                    axes.set_xlabel("accuracy, %")
                if crowded:
                    axes.tick_params(labelbottom=True)
                    for row in range(len(rows[suite])):  # what leads the eye over many rows
                        axes.axhline(row, color=style.GRID, linewidth=0.5, zorder=0.5)
            grid[line, 0].set_yticks(range(len(rows[suite])), rows[suite], size=style.SMALLEST)
            grid[line, 0].set_ylim(len(rows[suite]) - 0.4, -0.6)
        grid[0, 0].set_xlim(-2, reach + 2)
        grid[0, 0].set_xticks(range(0, reach + 1, 25))
        style.legend(figure, handles, columns, handlelength=1.8)


def shown(results: Results) -> tuple[dict[str, list[str]], str]:
    """The names of the rows on each core suite, and in words which are left out; none are where there are few."""
    models = sorted(results.models, key=lambda model: -sum(arm.model == model for arm in results.arms))
    trained = [arm for arm in results.arms if arm.method != "base"]
    ordered = [arm for model in models for arm in trained if arm.model == model]  # as the model with most has them
    above = ["base", BLIND_ROW]
    names = list(dict.fromkeys(arm.name for arm in ordered))
    if len(names) <= MANY:
        return {suite: [*above, *names] for suite in results.core}, ""
    plain = list(dict.fromkeys(arm.name for arm in ordered if results.representative(arm)))
    more = dict.fromkeys(arm.name for arm in ordered if results.on_claimed_sample(arm) and arm.name not in plain)
    main = ([*plain, *more] or names)[:MOST]
    few = plain or main[:FEW]
    rows = {suite: [*above, *(main if suite == results.main else few)] for suite in results.core}
    left_out = (
        f"not drawn: {len(names) - len(main)} arms, off {results.main} {len(names) - len(few)}; see table arm_accuracy"
    )
    samples = dict.fromkeys(filter(None, results.claimed))
    if len(samples) < len(results.sizes):
        left_out = f"samples {' and '.join(samples)} alone; {left_out}"
    return rows, left_out


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
    for arm in results.arms:
        if arm.model == model and arm.name in names:
            _row(axes, results, arm, suite, names.index(arm.name))
    if results.measurable(model, suite) is False:
        axes.set_facecolor(DOUBTFUL)
        axes.set_title("not measurable", loc="right", style="italic", color=style.MUTED, size=style.SMALLEST)


def _row(axes, results: Results, arm: ArmRuns, suite: str, height: int) -> None:
    cells, colour = results.arm_cells(arm, suite), style.colour(arm.method)
    if not cells:
        return
    values = [100 * cell.accuracy for cell in cells]
    dots = {"marker": "o", "linestyle": "none", "color": colour, "markerfacecolor": colour if arm.plain else "white"}
    if len(cells) == 1:
        axes.plot([100 * cells[0].low, 100 * cells[0].high], [height] * 2, color=colour, linewidth=1.8, zorder=4)
        axes.plot(values, [height], markersize=4.8, markeredgewidth=1.4, zorder=6, **dots)
        return
    mean = sum(values) / len(values)
    axes.plot([min(values), max(values)], [height] * 2, color=colour, linewidth=0.9, zorder=3)
    axes.plot(values, [height] * len(values), markersize=4.2, markeredgewidth=0.9, alpha=0.75, zorder=4, **dots)
    axes.plot(mean, height, marker="|", markersize=11, color=colour, markeredgewidth=2.2, zorder=6)


def _handles(methods: list[str], variants: bool, several: bool, asked: list[str], doubtful: bool) -> list[Artist]:
    grey = style.METHOD_COLOURS["base"]
    line = 0.9 if several else 1.8
    handles = [style.entry(method, style.colour(method), marker="o", markersize=5.2, lw=line) for method in methods]
    if variants:
        handles.append(style.entry("variant (hollow)", marker="o", markerfacecolor="white", lw=line))
    if several:
        handles.append(style.entry("mean", marker="|", markersize=11, lw=0, markeredgewidth=2.2))
    handles.append(Patch(color=grey, alpha=0.2, lw=0, label="base's interval"))
    for condition in asked:
        look = {"marker": BLIND_MARKS[condition][0], "lw": 0.9, "markersize": 6, "markeredgewidth": 1.4}
        handles.append(style.entry(f"base, {condition}", grey, **look))
    look = {"marker": MAJORITY_MARK[0], "markerfacecolor": "white", "lw": 0, "markersize": 4.5}
    handles.append(style.entry("majority answer by family", grey, **look))
    if doubtful:
        why = "not measurable: base not above blind"
        handles.append(Patch(facecolor=DOUBTFUL, edgecolor="#c9c5ba", lw=0.7, label=why))
    return handles
