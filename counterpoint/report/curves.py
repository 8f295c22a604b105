"""reward_vs_accuracy.png: for every arm that earns a reward, that reward and held-out accuracy over the same steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from counterpoint.report import style
from counterpoint.report.foremost import foremost
from counterpoint.report.numbers import smoothed
from counterpoint.report.results import CORE, Group, Point, Results, Run, spread

TITLE = "Training reward and held-out accuracy"
TWIN = "text_twin"
DASHES = ((0, (5, 1.5)), (0, (1, 1.2)), (0, (4, 1.2, 1, 1.2)), (0, (8, 2)))
MOST = 12  # panels


def window(length: int) -> int:
    """Steps that the moving mean spans: about a twelfth of the run, odd, at least 3."""
    return max(3, length // 12) | 1


def over_seeds(series: Sequence[Sequence[tuple[int, float]]]) -> list[tuple[int, float]]:
    """The mean over several series of (step, value), at the steps that all of them have."""
    common = set.intersection(*({step for step, _ in one} for one in series))
    values = [dict(one) for one in series]
    return [(step, spread([one[step] for one in values]).mean) for step in sorted(common)]


def draw(results: Results, path: Path) -> None:
    """Draw one panel per arm with a reward; a study without one gets a picture that says so."""
    groups = [group for group in results.groups if any(results.rewards.get(run.run_id) for run in group.runs)]
    if not groups:
        style.said_plainly(path, TITLE, "This study has no RL run, so there is no reward to draw.")
        return
    rows, left_out = _grid(results, groups)
    columns, shown = len(rows[0]), [group for row in rows for group in row if group]
    several = any(len(group.runs) > 1 for group in shown)
    each = 3.75 if columns < 3 else 2.7
    width, top, legend, panel = max(each * columns, 6.6), 0.72, 1.05, 2.2 if columns < 3 else 1.9
    height = top + len(rows) * panel + legend
    probed = {p.suite for group in shown for run in group.runs for p in results.probes.get(run.run_id, ())}
    shifts = [suite for suite in CORE if suite in probed and suite not in (results.main, TWIN)]
    told = "reward on training prompts; accuracy on the same held-out probes at every mark"
    with style.sheet(width, height, path) as figure:
        style.heading(figure, TITLE, told + (f"; {left_out} arms more are in report.md" if left_out else ""))
        grid = figure.subplots(len(rows), columns, squeeze=False, sharey=True)
        figure.subplots_adjust(
            left=0.62 / width, right=1 - 0.18 / width, top=1 - (top + 0.12) / height, bottom=(legend + 0.42) / height,
            hspace=0.32 if columns < 3 else 0.38, wspace=0.12,
        )  # fmt: skip
        for line, row in enumerate(rows):
            for column, group in enumerate(row):
                axes = grid[line, column]
                if group is None:
                    axes.set_visible(False)
                    continue
                _panel(axes, results, group, shifts)
                if not any(row[:column]):
                    axes.set_ylabel("reward, accuracy")
                    axes.tick_params(labelleft=True)
                if not any(below[column] for below in rows[line + 1 :]):
                    axes.set_xlabel("optimizer step")
        _limits(grid, results, shown)
        _legend(figure, results, shown, shifts, several)


def _grid(results: Results, groups: list[Group]) -> tuple[list[list[Group | None]], int]:
    """Rows of panels, and how many arms found no place: models are the columns where there are two or three. The plain
    arms on the samples of the claims come first, the others in the order of `groups`."""
    groups = sorted(groups, key=lambda group: not foremost(results, group))
    models = [model for model in results.models if any(group.model == model for group in groups)]
    names = list(dict.fromkeys(group.name for group in groups))
    if 2 <= len(models) <= 3:
        places = {(group.name, group.model): group for group in groups}
        rows = [[places.get((name, model)) for model in models] for name in names]
    else:
        columns = min(2, len(groups))
        padded = [*groups, *[None] * (-len(groups) % columns)]
        rows = [padded[start : start + columns] for start in range(0, len(padded), columns)]
    kept = rows[: MOST // len(rows[0])]
    return kept, len(groups) - sum(group is not None for row in kept for group in row)


def _panel(axes, results: Results, group: Group, shifts: list[str]) -> None:
    rewards = [results.rewards[run.run_id] for run in group.runs if results.rewards.get(run.run_id)]
    if len(rewards) == 1:
        axes.plot(*zip(*rewards[0], strict=True), color=style.REWARD, alpha=0.22, linewidth=0.7, zorder=2)
    for one in rewards if len(rewards) > 1 else ():
        axes.plot(*_smooth(one), color=style.REWARD, alpha=0.3, linewidth=0.8, zorder=2)
    axes.plot(*_smooth(over_seeds(rewards)), color=style.REWARD, linewidth=1.7, zorder=4)
    colour, runs = style.colour(group.method), group.runs
    for place, suite in enumerate(shifts):
        _accuracy(axes, results, runs, suite, "greedy", linewidth=1.2, zorder=2, **_shift_look(place))
    twin = {"color": style.TWIN, "linewidth": 1.4, "marker": "s", "markersize": 2.6, "zorder": 3}
    _accuracy(axes, results, runs, TWIN, "greedy", **twin)
    _accuracy(
        axes, results, runs, results.main, "sampled", color=colour, linewidth=1.4, linestyle=(0, (3, 1.5)), zorder=5
    )
    if len(runs) > 1:
        for run in runs:
            _accuracy(axes, results, (run,), results.main, "greedy", color=colour, linewidth=0.8, alpha=0.45, zorder=4)
    else:
        series = _series(results, runs[0], results.main, "greedy")
        bounds = ([p.low for p in series], [p.high for p in series])
        axes.fill_between([p.step for p in series], *bounds, color=colour, alpha=0.16, lw=0)
    thick = {"linewidth": 1.9, "marker": "o", "markersize": 3.2, "zorder": 6}
    _accuracy(axes, results, runs, results.main, "greedy", color=colour, **thick)
    axes.set_title(group.title, loc="left", weight="bold", color=colour)
    steps = [step for one in rewards for step, _ in one]
    axes.set_xlim(0, max([*steps, *(p.step for run in runs for p in results.probes.get(run.run_id, ())), 1]))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _smooth(series: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [step for step, _ in series], smoothed([value for _, value in series], window(len(series)))


def _series(results: Results, run: Run, suite: str, decoding: str) -> list[Point]:
    return [p for p in results.probes.get(run.run_id, ()) if (p.suite, p.decoding) == (suite, decoding)]


def _accuracy(axes, results: Results, runs: Sequence[Run], suite: str, decoding: str, **look) -> None:
    """The mean accuracy over the runs that were probed."""
    found = [[(p.step, p.accuracy) for p in _series(results, run, suite, decoding)] for run in runs]
    found = [one for one in found if one]
    if found:
        points = over_seeds(found)
        axes.plot([step for step, _ in points], [value for _, value in points], **look)


def _shift_look(place: int) -> dict:
    colours = style.SHIFT_COLOURS
    return {"color": colours[place % len(colours)], "linestyle": DASHES[place % len(DASHES)]}


def _limits(grid, results: Results, groups: list[Group]) -> None:
    """Fractions share one axis from 0 to 1; a reward that leaves it (penalties, large weights) widens it."""
    values = [reward for group in groups for run in group.runs for _, reward in results.rewards.get(run.run_id, ())]
    low, high = min(0.0, *values), max(1.0, *values)
    for axes in grid.flat:
        axes.set_ylim(low - 0.02 * (high - low), high + 0.02 * (high - low))


def _legend(figure, results: Results, groups: list[Group], shifts: list[str], several: bool) -> None:
    colour = style.colour(groups[0].method) if len({group.method for group in groups}) == 1 else style.MUTED
    own = " (panel's colour)" if colour == style.MUTED else ""
    thin = "moving mean; thin: each seed" if several else "moving mean; thin: each step"
    handles = [
        Line2D([], [], color=style.REWARD, lw=1.9, label=f"training reward ({thin})"),
        Line2D([], [], color=colour, lw=1.9, marker="o", markersize=3.5, label=f"{results.main} greedy{own}"),
        Line2D([], [], color=colour, lw=0.8, alpha=0.6, label="its seeds")
        if several
        else Patch(color=colour, alpha=0.2, lw=0, label="its 95% interval (Wilson)"),
        Line2D([], [], color=colour, lw=1.4, linestyle=(0, (3, 1.5)), label=f"{results.main} sampled"),
        Line2D([], [], color=style.TWIN, lw=1.4, marker="s", markersize=3, label=f"{TWIN} greedy"),
        *(Line2D([], [], lw=1.3, label=f"{suite} greedy", **_shift_look(i)) for i, suite in enumerate(shifts)),
    ]
    width, height = figure.get_figwidth(), figure.get_figheight()
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.08 / width, 0.04 / height), ncols=2, frameon=False,
        columnspacing=1.2, handlelength=2.4, borderaxespad=0,
    )  # fmt: skip
