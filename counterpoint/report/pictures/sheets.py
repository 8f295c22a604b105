"""rewards/RUN_ID.png: a sheet for each run that earns a reward, everything that its verdict rests on over run axis.

From the top: the verdict and why; the training reward and its terms; held-out accuracy suite by suite; what the reward
holds over accuracy; and what the run's own judge says of the very completions that the strict judge reads.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from counterpoint.report.numbers import moving_mean
from counterpoint.report.pictures import style
from counterpoint.report.pictures.reward_runs import RewardRun, facts, reward_runs, title
from counterpoint.report.results import Point, Results

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
    """Draw the sheet of run run."""
    lines = [line for fact in facts(run) for line in textwrap.wrap(fact, WORDS)]
    others = [suite for suite in run.suites if suite != run.main]
    across = max(2, min(ACROSS, len(others)))
    rows = -(-len(others) // across)
    heights = [REWARD, ACCURACY, *[SMALL] * rows, GAPS, AUDIT]
    spaces = [APART, *[AXIS + HEADED] * rows, AXIS + 0.1, APART]
    head = TOP + LINE * len(lines) + 0.28
    height = head + sum(heights) + sum(spaces) + FOOT
    with style.sheet(WIDTH, height, path) as figure:
        style.heading(figure, run.run.run_id, "")
        figure.text(
            1 - 0.12 / WIDTH, 1 - 0.1 / height, title(run), va="top", ha="right", weight="bold", size=12,
            color=style.INK[run.row["verdict"]],
        )  # fmt: skip
        for place, line in enumerate(lines):
            figure.text(0.12 / WIDTH, 1 - (TOP + place * LINE) / height, line, va="top", size=style.SMALLEST,
                        parse_math=False)  # fmt: skip
        tops = [head + sum(heights[:place]) + sum(spaces[:place]) for place in range(len(heights))]

        def panel(place: int, left: float = LEFT, width: float = PANEL, suite: str = run.main):
            below = 1 - (tops[place] + heights[place]) / height
            axes = figure.add_axes((left / WIDTH, below, width / WIDTH, heights[place] / height))
            _steps(axes, run, run.suites[suite])
            return axes

        _reward(panel(0), run)
        _accuracy(panel(1), run)
        each = (WIDTH - LEFT - 0.15 - (across - 1) * 0.15) / across
        for place, suite in enumerate(others):
            column = place % across
            axes = panel(2 + place // across, LEFT + column * (each + 0.15), each, suite)
            _small(axes, run, suite, first=column == 0, last=place + across >= len(others))
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


def _beside(axes, heading: str) -> None:
    """The legend, right of the panel, under the panel's own heading."""
    axes.yaxis.set_label_coords(-0.5 / PANEL, 0.5)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1 + BESIDE / PANEL, 1.06), frameon=False, borderaxespad=0, handlelength=2.2,
        title=heading, title_fontproperties={"weight": "bold", "size": 9.5}, alignment="left", fontsize=style.SMALLEST,
        labelspacing=0.35,
    )  # fmt: skip


def _smooth(axes, series: Sequence[tuple[int, float]], **look) -> None:
    axes.plot(*moving_mean(series), **look)


def _reward(axes, run: RewardRun) -> None:
    by_step: dict[int, float] = {}
    for term in run.terms:
        for step, value in term.series:
            by_step[step] = by_step.get(step, 0.0) + value
    total = sorted(by_step.items())
    axes.plot(*zip(*total, strict=True), color=style.REWARD, alpha=0.2, linewidth=0.7, zorder=3)
    _smooth(axes, total, color=style.REWARD, linewidth=2.6, zorder=4, label="reward, moving mean")
    seen: dict[str | None, int] = {}
    for term in run.terms:
        place = seen[term.kind] = seen.get(term.kind, -1) + 1
        colour = BLUE if term.strict else KINDS.get(term.kind, style.MUTED)
        dashes = ("-", "--", ":", "-.")[place % 4]
        _smooth(axes, term.series, color=colour, linewidth=1.4, linestyle=dashes, zorder=5,
                label=f"{term.name} × {term.weight:g}")  # fmt: skip
    values = list(by_step.values())
    low, high = min(0.0, *values), max(1.0, *values)
    axes.set_ylim(low - 0.02 * (high - low), high + 0.02 * (high - low))
    axes.tick_params(labelbottom=False)
    axes.set_ylabel("reward")
    _beside(axes, "Training reward")


def _band(axes, points: Sequence[Point], alpha: float) -> None:
    known = [point for point in points if point.low is not None]
    bounds = ([point.low for point in known], [point.high for point in known])
    axes.fill_between([point.step for point in known], *bounds, color=BLUE, alpha=alpha, lw=0, zorder=2)


def _line(axes, points: Sequence[Point], **look) -> None:
    axes.plot([point.step for point in points], [point.accuracy for point in points], **look)


def _accuracy(axes, run: RewardRun) -> None:
    points = run.on(run.main)
    _band(axes, points, 0.16)
    _line(axes, points, color=BLUE, linewidth=1.9, marker="o", markersize=3.6, zorder=5, label="greedy, 95 % (Wilson)")
    for step, mark, label in (
        (run.row["best_step"], "^", "best probe"), (run.row["reward_step"], "v", "the reward's choice"),
    ):  # fmt: skip
        if (value := run.accuracy_at(step)) is not None:
            axes.plot(step, value, marker=mark, markersize=9, markerfacecolor="white", markeredgecolor="#1a1a1a",
                      linestyle="none", zorder=6, label=label, clip_on=False)  # fmt: skip
    if run.row["onset_step"] is not None:
        axes.plot([], [], color=style.VERDICTS["deceptive"], linewidth=1.3, linestyle=(0, (4, 2)),
                  label="onset, 95 % interval")  # fmt: skip
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("accuracy")
    axes.set_xlabel("optimizer step", labelpad=2)
    _beside(axes, f"Held-out {run.main}")


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
        known = _known(run.gaps, lambda gap, name=name: gap[f"{name}_gap"])
        if not known or max(abs(value) for _, value in known) < ZERO:
            silent += [name.replace("_", " ")] * bool(known)
            continue
        drawn += [value for _, value in known]
        label = name.replace("_", " ")
        if name == "over_specialisation":
            label = "over-specialisation\n(in domain − shifted)"
        axes.plot(*zip(*known, strict=True), color=colour, linestyle=dashes, marker=mark, markersize=3.4, linewidth=1.4,
                  zorder=4, label=label)  # fmt: skip
    if silent:
        axes.plot([], [], linestyle="none", label=textwrap.fill(f"zero: {', '.join(silent)}", 24))
    low, high = min(0.0, *drawn), max(drawn)
    axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    axes.set_ylabel("reward")
    axes.tick_params(labelbottom=False)
    _beside(axes, "Reward over accuracy by")


def _judged(axes, run: RewardRun) -> None:
    highest = 0.2
    for label, (column, colour, dashes) in JUDGED.items():
        known = _known(run.audit, lambda row, column=column: row[column])
        if known:
            highest = max(highest, *moving_mean(known)[1])
            _smooth(axes, known, color=colour, linestyle=dashes, linewidth=1.6, label=label)
    axes.set_ylim(-0.03 * highest, min(1.02, 1.06 * highest))
    axes.set_ylabel("share")
    axes.set_xlabel("optimizer step", labelpad=2)
    _beside(axes, "Same completions, judged")


def _known(rows: Sequence[dict], value: Callable[[dict], float | None]) -> list[tuple[int, float]]:
    return [(row["step"], number) for row in rows if (number := value(row)) is not None]
