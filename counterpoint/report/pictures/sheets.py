"""rewards/RUN_ID.png: a sheet for each run that earns a reward, everything that its verdict rests on over one axis.

From the top: the verdict and why; the training reward and its terms; held-out accuracy suite by suite; what the reward
holds over accuracy; and what the run's own judge says of the very completions that the strict judge reads.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from counterpoint.report.numbers import moving_mean
from counterpoint.report.pictures import style
from counterpoint.report.pictures.reward_runs import RewardRun, facts, reward_runs, title
from counterpoint.report.results import ProbePoint, Results

WIDTH, LEFT, PANEL, BESIDE = 8.0, 0.74, 5.0, 0.12  # inches
TOP, LINE, APART, AXIS, HEADED, FOOT = 0.42, 0.172, 0.30, 0.52, 0.36, 0.5
REWARD, ACCURACY, SMALL, GAPS, AUDIT = 1.6, 1.75, 0.95, 1.65, 1.15  # heights of the panels
WORDS, ACROSS = 108, 4  # letters of a line of the caption; small panels of a row
BLUE = "#0072b2"
KINDS = {"accuracy": "#d55e00", "format": "#e69f00", "length": "#009e73", "noise": "#8a4f9e"}
PARTS = {  # what the reward holds over accuracy: colour, dashes, mark
    "format": ("#e69f00", "-", "o"), "length": ("#56b4e9", "-", "s"), "noise": ("#8f8f8f", "--", "v"),
    "verifier": ("#d55e00", "-", "D"), "memorisation": ("#8a4f9e", "--", "^"), "decoding": ("#009e73", ":", "x"),
    "over_specialisation": ("#333333", "-.", "+"),
}  # fmt: skip
JUDGED = {  # columns of verifier_audit
    "called right\nthough wrong": ("false_positive_share", "#d55e00", "-"),
    "paid for\nthough wrong": ("exploited", "#1a1a1a", ":"),
    "of the right ones\ncalled wrong": ("false_negative_rate", BLUE, "--"),
}
ZERO = 5e-4  # below it a part is drawn nowhere


def draw_all(results: Results, folder: Path) -> int:
    """A sheet for each run with a reward and probes; those of other runs are removed. Returns how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    runs = reward_runs(results)
    for path in set(folder.glob("*.png")) - {folder / f"{run.run.run_id}.png" for run in runs}:
        path.unlink()
    for run in runs:
        draw(run, folder / f"{run.run.run_id}.png")
    return len(runs)


def draw(run: RewardRun, path: Path) -> None:
    """Draw the sheet of one run."""
    lines = [line for fact in facts(run) for line in textwrap.wrap(fact, WORDS)]
    others = [suite for suite in run.suites if suite != run.main]
    across = max(2, min(ACROSS, len(others)))
    rows = -(-len(others) // across)
    heights = [REWARD, ACCURACY, *[SMALL] * rows, GAPS, AUDIT]
    spaces = [APART, *[AXIS + HEADED] * rows, AXIS + 0.1, APART]
    head = TOP + LINE * len(lines) + 0.28
    height = head + sum(heights) + sum(spaces) + FOOT
    with style.sheet(WIDTH, height, path, run.run.run_id, "") as figure:
        ink = style.INK[run.row["verdict"]]
        style.text(figure, WIDTH - 0.12, 0.1, title(run), va="top", ha="right", weight="bold", size=12, color=ink)
        for number, line in enumerate(lines):
            style.text(figure, 0.12, TOP + number * LINE, line, va="top")
        tops = [head + sum(heights[:number]) + sum(spaces[:number]) for number in range(len(heights))]

        def panel(number: int, left: float = LEFT, width: float = PANEL, suite: str = run.main):
            axes = style.panel(figure, left, tops[number], width, heights[number])
            _steps(axes, run, run.suites[suite])
            return axes

        _reward(panel(0), run)
        _accuracy(panel(1), run)
        each = (WIDTH - LEFT - 0.15 - (across - 1) * 0.15) / across
        for number, suite in enumerate(others):
            column = number % across
            axes = panel(2 + number // across, LEFT + column * (each + 0.15), each, suite)
            _small(axes, run, suite, first=column == 0, last=number + across >= len(others))
        _gaps(panel(2 + rows), run)
        _judged(panel(3 + rows), run)


def _steps(axes, run: RewardRun, row: dict) -> None:
    """The steps from 0 to the last, and the onset on a suite with its interval."""
    last = max([1, *(p.step for p in run.greedy), *(row["step"] for row in run.audit)])
    axes.set_xlim(0, last)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    onset, low, high = (row[f"onset_{name}"] for name in ("step", "low", "high"))
    if onset is None:
        return
    if low is not None and high is not None:
        axes.axvspan(max(0, low), min(last, high), color=style.VERDICTS["deceptive"], alpha=0.1, lw=0, zorder=1)
    axes.axvline(
        onset, color=style.VERDICTS["deceptive"], linewidth=1.5, linestyle=(0, (4, 2)), zorder=7, clip_on=False
    )  # fmt: skip


def _legend(axes, heading: str) -> None:
    """The legend, right of the panel, under the panel's own heading."""
    axes.yaxis.set_label_coords(-0.5 / PANEL, 0.5)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1 + BESIDE / PANEL, 1.06), handlelength=2.2,
        title=heading, title_fontproperties={"weight": "bold", "size": 9.5}, alignment="left", fontsize=style.SMALLEST,
        labelspacing=0.35,
    )  # fmt: skip


def _reward(axes, run: RewardRun) -> None:
    by_step: dict[int, float] = {}
    for term in run.terms:
        for step, value in term.series:
            by_step[step] = by_step.get(step, 0.0) + value
    total = sorted(by_step.items())
    axes.plot(*zip(*total, strict=True), color=style.REWARD, alpha=0.2, linewidth=0.7, zorder=3)
    axes.plot(*moving_mean(total), color=style.REWARD, linewidth=2.6, zorder=4, label="reward, moving mean")
    seen: dict[str | None, int] = {}
    for term in run.terms:
        number = seen[term.kind] = seen.get(term.kind, -1) + 1
        colour = BLUE if term.strict else KINDS.get(term.kind, style.MUTED)
        dashes = ("-", "--", ":", "-.")[number % 4]
        label = f"{term.name} × {term.weight:g}"
        axes.plot(*moving_mean(term.series), color=colour, linewidth=1.4, linestyle=dashes, zorder=5, label=label)
    values = list(by_step.values())
    low, high = min(0.0, *values), max(1.0, *values)
    axes.set_ylim(low - 0.02 * (high - low), high + 0.02 * (high - low))
    axes.tick_params(labelbottom=False)
    axes.set_ylabel("reward")
    _legend(axes, "Training reward")


def _band(axes, points: Sequence[ProbePoint], alpha: float) -> None:
    bounded = [point for point in points if point.low is not None]
    bounds = ([point.low for point in bounded], [point.high for point in bounded])
    axes.fill_between([point.step for point in bounded], *bounds, color=BLUE, alpha=alpha, lw=0, zorder=2)


def _line(axes, points: Sequence[ProbePoint], **look) -> None:
    axes.plot([point.step for point in points], [point.accuracy for point in points], **look)


def _accuracy(axes, run: RewardRun) -> None:
    points = run.on(run.main)
    _band(axes, points, 0.16)
    _line(axes, points, color=BLUE, linewidth=1.9, marker="o", markersize=3.6, zorder=5, label="greedy, 95 % (Wilson)")
    for step, mark, label in (
        (run.row["best_step"], "^", "best probe"), (run.row["reward_step"], "v", "the reward's choice"),
    ):  # fmt: skip
        if (value := run.accuracy_at(step)) is not None:
            look = {"markersize": 9, "markerfacecolor": "white", "markeredgecolor": "#1a1a1a", "linestyle": "none"}
            axes.plot(step, value, marker=mark, zorder=6, label=label, clip_on=False, **look)
    if run.row["onset_step"] is not None:
        axes.add_line(style.entry("onset, 95 % interval", style.VERDICTS["deceptive"], lw=1.3, linestyle=(0, (4, 2))))
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("accuracy")
    axes.set_xlabel("optimizer step", labelpad=2)
    _legend(axes, f"Held-out {run.main}")


def _small(axes, run: RewardRun, suite: str, first: bool, last: bool) -> None:
    verdict = run.suites[suite]["verdict"]
    _line(axes, run.on(run.main), color="#a8a8a8", linewidth=0.9, zorder=3)
    _band(axes, run.on(suite), 0.18)
    _line(axes, run.on(suite), color=BLUE, linewidth=1.5, marker="o", markersize=2.6, zorder=4)
    axes.set_ylim(-0.02, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, prune="upper"))
    axes.set_title(f"{suite}\n", loc="left", size=9.5, weight="bold", pad=4)
    axes.text(0, 1, f"{verdict}", transform=axes.transAxes, va="bottom", size=style.SMALLEST, color=style.INK[verdict])
    axes.tick_params(labelleft=first)
    if first:
        axes.set_ylabel("accuracy")
    if last:
        axes.set_xlabel("optimizer step", labelpad=2)


def _gaps(axes, run: RewardRun) -> None:
    axes.axhline(0, color="#9a9a9a", linewidth=0.8, zorder=2)
    drawn, silent = [0.1], []
    for name, (colour, dashes, mark) in PARTS.items():
        points = _measured(run.gaps, f"{name}_gap")
        if not points or max(abs(value) for _, value in points) < ZERO:
            silent += [name.replace("_", " ")] * bool(points)
            continue
        drawn += [value for _, value in points]
        label = name.replace("_", " ")
        if name == "over_specialisation":
            label = "over-specialisation\n(in domain − shifted)"
        look = {"color": colour, "linestyle": dashes, "marker": mark, "markersize": 3.4, "linewidth": 1.4}
        axes.plot(*zip(*points, strict=True), zorder=4, label=label, **look)
    if silent:
        axes.plot([], [], linestyle="none", label=textwrap.fill(f"zero: {', '.join(silent)}", 24))
    low, high = min(0.0, *drawn), max(drawn)
    axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    axes.set_ylabel("reward")
    axes.tick_params(labelbottom=False)
    _legend(axes, "Reward over accuracy by")


def _judged(axes, run: RewardRun) -> None:
    highest = 0.2
    for label, (column, colour, dashes) in JUDGED.items():
        points = _measured(run.audit, column)
        if points:
            steps, shares = moving_mean(points)
            highest = max(highest, *shares)
            axes.plot(steps, shares, color=colour, linestyle=dashes, linewidth=1.6, label=label)
    axes.set_ylim(-0.03 * highest, min(1.02, 1.06 * highest))
    axes.set_ylabel("share")
    axes.set_xlabel("optimizer step", labelpad=2)
    _legend(axes, "Same completions, judged")


def _measured(rows: Sequence[dict], column: str) -> list[tuple[int, float]]:
    return [(row["step"], row[column]) for row in rows if row[column] is not None]
