"""reward_vs_accuracy.png: for every arm that earns a reward, that reward and held-out accuracy over the same steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from counterpoint.report.numbers import mean_series, moving_mean
from counterpoint.report.pictures import style
from counterpoint.report.results import CORE, ArmRuns, Results, RunRow

TITLE = "Training reward and held-out accuracy"
TWIN = "text_twin"
DASHES = ((0, (5, 1.5)), (0, (1, 1.2)), (0, (4, 1.2, 1, 1.2)), (0, (8, 2)))
MOST = 12  # panels


def draw(results: Results, path: Path) -> None:
    """Draw one panel per arm with a reward; a study without one gets a picture that says so."""
    arms = [arm for arm in results.arms if any(results.rewards.get(run.run_id) for run in arm.runs)]
    if not arms:
        style.sentence(path, TITLE, "This study has no RL run, so there is no reward to draw.")
        return
    rows, left_out = _grid(results, arms)
    columns, shown = len(rows[0]), [arm for row in rows for arm in row if arm]
    several = any(len(arm.runs) > 1 for arm in shown)
    each = 3.75 if columns < 3 else 2.7
    width, top, legend, panel = max(each * columns, 6.6), 0.72, 1.05, 2.2 if columns < 3 else 1.9
    height = top + len(rows) * panel + legend
    probed = {p.suite for arm in shown for run in arm.runs for p in results.probes.get(run.run_id, ())}
    shifts = [suite for suite in CORE if suite in probed and suite not in (results.main, TWIN)]
    subtitle = "reward on training prompts; accuracy on the same held-out probes at every mark"
    subtitle += f"; {left_out} more arms: reward_and_accuracy" if left_out else ""
    with style.sheet(width, height, path, TITLE, subtitle) as figure:
        grid = figure.subplots(len(rows), columns, squeeze=False, sharey=True)
        figure.subplots_adjust(
            left=0.62 / width, right=1 - 0.18 / width, top=1 - (top + 0.12) / height, bottom=(legend + 0.42) / height,
            hspace=0.32 if columns < 3 else 0.38, wspace=0.12,
        )  # fmt: skip
        for line, row in enumerate(rows):
            for column, arm in enumerate(row):
                axes = grid[line, column]
                if arm is None:
                    axes.set_visible(False)
                    continue
                _panel(axes, results, arm, shifts)
                if not any(row[:column]):
                    axes.set_ylabel("reward, accuracy")
                    axes.tick_params(labelleft=True)
                if not any(below[column] for below in rows[line + 1 :]):
                    axes.set_xlabel("optimizer step")
        _limits(grid, results, shown)
        _legend(figure, results, shown, shifts, several)


def _grid(results: Results, arms: list[ArmRuns]) -> tuple[list[list[ArmRuns | None]], int]:
    """Rows of panels, and how many arms found no place: models are the columns where there are two or three. The plain
    arms on the samples of the claims come first, the others in the order of `arms`."""
    arms = sorted(arms, key=lambda arm: not results.representative(arm))
    models = [model for model in results.models if any(arm.model == model for arm in arms)]
    names = list(dict.fromkeys(arm.name for arm in arms))
    if 2 <= len(models) <= 3:
        by_name = {(arm.name, arm.model): arm for arm in arms}
        rows = [[by_name.get((name, model)) for model in models] for name in names]
    else:
        columns = min(2, len(arms))
        padded = [*arms, *[None] * (-len(arms) % columns)]
        rows = [padded[start : start + columns] for start in range(0, len(padded), columns)]
    rows = rows[: MOST // len(rows[0])]
    return rows, len(arms) - sum(arm is not None for row in rows for arm in row)


def _panel(axes, results: Results, arm: ArmRuns, shifts: list[str]) -> None:
    rewards = [results.rewards[run.run_id] for run in arm.runs if results.rewards.get(run.run_id)]
    if len(rewards) == 1:
        axes.plot(*zip(*rewards[0], strict=True), color=style.REWARD, alpha=0.22, linewidth=0.7, zorder=2)
    for series in rewards if len(rewards) > 1 else ():
        axes.plot(*moving_mean(series), color=style.REWARD, alpha=0.3, linewidth=0.8, zorder=2)
    axes.plot(*moving_mean(mean_series(rewards)), color=style.REWARD, linewidth=1.7, zorder=4)
    colour, runs = style.colour(arm.method), arm.runs
    for number, suite in enumerate(shifts):
        _accuracy(axes, results, runs, suite, "greedy", linewidth=1.2, zorder=2, **_shift_look(number))
    twin = {"color": style.TWIN, "linewidth": 1.4, "marker": "s", "markersize": 2.6, "zorder": 3}
    _accuracy(axes, results, runs, TWIN, "greedy", **twin)
    _accuracy(
        axes, results, runs, results.main, "sampled", color=colour, linewidth=1.4, linestyle=(0, (3, 1.5)), zorder=5
    )
    if len(runs) > 1:
        for run in runs:
            _accuracy(axes, results, (run,), results.main, "greedy", color=colour, linewidth=0.8, alpha=0.45, zorder=4)
    else:
        series = results.points(runs[0], results.main)
        bounds = ([p.low for p in series], [p.high for p in series])
        axes.fill_between([p.step for p in series], *bounds, color=colour, alpha=0.16, lw=0)
    thick = {"linewidth": 1.9, "marker": "o", "markersize": 3.2, "zorder": 6}
    _accuracy(axes, results, runs, results.main, "greedy", color=colour, **thick)
    axes.set_title(arm.title, loc="left", weight="bold", color=colour)
    steps = [step for series in rewards for step, _ in series]
    axes.set_xlim(0, max([*steps, *(p.step for run in runs for p in results.probes.get(run.run_id, ())), 1]))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _accuracy(axes, results: Results, runs: Sequence[RunRow], suite: str, decoding: str, **look) -> None:
    """The mean accuracy over the runs that were probed."""
    series = [[(point.step, point.accuracy) for point in results.points(run, suite, decoding)] for run in runs]
    probed = [points for points in series if points]
    if probed:
        axes.plot(*zip(*mean_series(probed), strict=True), **look)


def _shift_look(number: int) -> dict:
    colours = style.SHIFT_COLOURS
    return {"color": colours[number % len(colours)], "linestyle": DASHES[number % len(DASHES)]}


def _limits(grid, results: Results, arms: list[ArmRuns]) -> None:
    """Fractions share one axis from 0 to 1; a reward that leaves it (penalties, large weights) widens it."""
    values = [reward for arm in arms for run in arm.runs for _, reward in results.rewards.get(run.run_id, ())]
    low, high = min(0.0, *values), max(1.0, *values)
    for axes in grid.flat:
        axes.set_ylim(low - 0.02 * (high - low), high + 0.02 * (high - low))


def _legend(figure, results: Results, arms: list[ArmRuns], shifts: list[str], several: bool) -> None:
    colour = style.colour(arms[0].method) if len({arm.method for arm in arms}) == 1 else style.MUTED
    whose = " (panel's colour)" if colour == style.MUTED else ""
    thin = "moving mean; thin: each seed" if several else "moving mean; thin: each step"
    handles = [
        style.entry(f"training reward ({thin})", style.REWARD, lw=1.9),
        style.entry(f"{results.main} greedy{whose}", colour, lw=1.9, marker="o", markersize=3.5),
        style.entry("its seeds", colour, lw=0.8, alpha=0.6)
        if several
        else Patch(color=colour, alpha=0.2, lw=0, label="its 95% interval (Wilson)"),
        style.entry(f"{results.main} sampled", colour, lw=1.4, linestyle=(0, (3, 1.5))),
        style.entry(f"{TWIN} greedy", style.TWIN, lw=1.4, marker="s", markersize=3),
        *(style.entry(f"{suite} greedy", lw=1.3, **_shift_look(i)) for i, suite in enumerate(shifts)),
    ]
    style.legend(figure, handles, 2, handlelength=2.4, columnspacing=1.2)
