"""reward_vs_accuracy.png: for every RL run its training reward and its held-out accuracy over the same steps."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from counterpoint.report import style
from counterpoint.report.numbers import smoothed
from counterpoint.report.read import Results, Run, arm_place, suite_place

TITLE = "Training reward and held-out accuracy"
MAIN, TWIN = "in_domain", "text_twin"
DASHES = ((0, (5, 1.5)), (0, (1, 1.2)), (0, (4, 1.2, 1, 1.2)), (0, (8, 2)))


def window(length: int) -> int:
    """Steps that the moving mean spans: about a twelfth of the run, odd, at least 3."""
    return max(3, length // 12) | 1


def draw(results: Results, path: Path) -> None:
    """Draw one panel per RL run; a study without one gets a picture that says so."""
    runs = [run for run in results.runs if results.rewards.get(run.run_id)]
    # with two models, as in the default study, the models become the columns
    runs.sort(key=lambda run: (*arm_place(run, results.sizes), results.models.index(run.model)))
    if not runs:
        style.said_plainly(path, TITLE, "This study has no RL run, so there is no reward to draw.")
        return
    columns = min(2, len(runs))
    rows = math.ceil(len(runs) / columns)
    width, top, legend, panel = 3.75 * max(columns, 1.75), 0.72, 1.05, 2.2
    height = top + rows * panel + legend
    suites = {point.suite for run in runs for point in results.probes.get(run.run_id, ())}
    shifts = sorted(suites - {MAIN, TWIN}, key=suite_place)
    with style.sheet(width, height, path) as figure:
        style.heading(figure, TITLE, "reward on training prompts; accuracy on the same held-out probes at every mark")
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        figure.subplots_adjust(
            left=0.62 / width, right=1 - 0.18 / width, top=1 - (top + 0.12) / height, bottom=(legend + 0.42) / height,
            hspace=0.32, wspace=0.12,
        )  # fmt: skip
        for axes in grid.flat[len(runs) :]:
            axes.set_visible(False)
        for place, run in enumerate(runs):
            axes = grid.flat[place]
            _panel(axes, results, run, shifts)
            if place % columns == 0:
                axes.set_ylabel("reward, accuracy")
            if place + columns >= len(runs):
                axes.set_xlabel("optimizer step")
        _limits(grid, results, runs)
        _legend(figure, runs, shifts)


def _panel(axes, results: Results, run: Run, shifts: list[str]) -> None:
    steps, rewards = zip(*results.rewards[run.run_id], strict=True)
    axes.plot(steps, rewards, color=style.REWARD, alpha=0.22, linewidth=0.7, zorder=2)
    axes.plot(steps, smoothed(rewards, window(len(rewards))), color=style.REWARD, linewidth=1.7, zorder=4)
    colour = style.colour(run.method)
    for suite in [*shifts, TWIN, MAIN]:
        for decoding in ("greedy", "sampled") if suite == MAIN else ("greedy",):
            series = [p for p in results.probes.get(run.run_id, ()) if p.suite == suite and p.decoding == decoding]
            if not series:
                continue
            x, y = [p.step for p in series], [p.accuracy for p in series]
            if suite == MAIN and decoding == "greedy":
                axes.fill_between(x, [p.low for p in series], [p.high for p in series], color=colour, alpha=0.16, lw=0)
                axes.plot(x, y, color=colour, linewidth=1.9, marker="o", markersize=3.2, zorder=6)
            elif suite == MAIN:
                axes.plot(x, y, color=colour, linewidth=1.4, linestyle=(0, (3, 1.5)), zorder=5)
            elif suite == TWIN:
                axes.plot(x, y, color=style.TWIN, linewidth=1.4, marker="s", markersize=2.6, zorder=3)
            else:
                axes.plot(x, y, zorder=2, linewidth=1.2, **_shift_look(shifts.index(suite)))
    axes.set_title(run.title, loc="left", weight="bold", color=colour)
    axes.set_xlim(0, max(max(steps), *(p.step for p in results.probes.get(run.run_id, ())), 1))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _shift_look(place: int) -> dict:
    colours = style.SHIFT_COLOURS
    return {"color": colours[place % len(colours)], "linestyle": DASHES[place % len(DASHES)]}


def _limits(grid, results: Results, runs: list[Run]) -> None:
    """Fractions share one axis from 0 to 1; a reward that leaves it (penalties, large weights) widens it."""
    values = [reward for run in runs for _, reward in results.rewards[run.run_id]]
    low, high = min(0.0, *values), max(1.0, *values)
    for axes in grid.flat:
        axes.set_ylim(low - 0.02 * (high - low), high + 0.02 * (high - low))


def _legend(figure, runs: list[Run], shifts: list[str]) -> None:
    colour = style.colour(runs[0].method) if len({run.method for run in runs}) == 1 else style.MUTED
    several = " (panel's colour)" if colour == style.MUTED else ""
    handles = [
        Line2D([], [], color=style.REWARD, lw=1.9, label="training reward (moving mean; thin: each step)"),
        Line2D([], [], color=colour, lw=1.9, marker="o", markersize=3.5, label=f"{MAIN} greedy{several}"),
        Patch(color=colour, alpha=0.2, lw=0, label="its 95% interval (Wilson)"),
        Line2D([], [], color=colour, lw=1.4, linestyle=(0, (3, 1.5)), label=f"{MAIN} sampled"),
        Line2D([], [], color=style.TWIN, lw=1.4, marker="s", markersize=3, label=f"{TWIN} greedy"),
        *(Line2D([], [], lw=1.3, label=f"{suite} greedy", **_shift_look(i)) for i, suite in enumerate(shifts)),
    ]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.08 / figure.get_figwidth(), 0.04 / figure.get_figheight()),
        ncols=2, frameon=False, columnspacing=1.6, handlelength=2.6, borderaxespad=0,
    )  # fmt: skip
