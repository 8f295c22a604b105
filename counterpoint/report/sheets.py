"""rewards/RUN_ID.png: a sheet for each run that earns a reward, everything that its verdict rests on over one axis.

From the top: the verdict and why; the training reward and its terms; held-out accuracy suite by suite; what the reward
holds over accuracy; and what the run's own judge says of the very completions that the strict judge reads.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from counterpoint.report import style
from counterpoint.report.curves import window
from counterpoint.report.numbers import smoothed
from counterpoint.report.results import Point, Results
from counterpoint.report.rewarded import Rewarded, rewarded
from counterpoint.report.words import facts, title

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
    runs = rewarded(results)
    for path in set(folder.glob("*.png")) - {folder / f"{one.run.run_id}.png" for one in runs}:
        path.unlink()
    for one in runs:
        draw(one, folder / f"{one.run.run_id}.png")
    return len(runs)


def draw(one: Rewarded, path: Path) -> None:
    """Draw the sheet of one run."""
    said = [line for fact in facts(one) for line in textwrap.wrap(fact, WORDS)]
    others = [suite for suite in one.suites if suite != one.main]
    across = max(2, min(ACROSS, len(others)))
    rows = -(-len(others) // across)
    heights = [REWARD, ACCURACY, *[SMALL] * rows, GAPS, AUDIT]
    spaces = [APART, *[AXIS + HEADED] * rows, AXIS + 0.1, APART]
    head = TOP + LINE * len(said) + 0.28
    height = head + sum(heights) + sum(spaces) + FOOT
    with style.sheet(WIDTH, height, path) as figure:
        style.heading(figure, one.run.run_id, "")
        figure.text(
            1 - 0.12 / WIDTH, 1 - 0.1 / height, title(one), va="top", ha="right", weight="bold", size=12,
            color=style.INK[one.row["verdict"]],
        )  # fmt: skip
        for place, line in enumerate(said):
            figure.text(0.12 / WIDTH, 1 - (TOP + place * LINE) / height, line, va="top", size=style.SMALLEST,
                        parse_math=False)  # fmt: skip
        tops = [head + sum(heights[:place]) + sum(spaces[:place]) for place in range(len(heights))]

        def panel(place: int, left: float = LEFT, width: float = PANEL, suite: str = one.main):
            below = 1 - (tops[place] + heights[place]) / height
            axes = figure.add_axes((left / WIDTH, below, width / WIDTH, heights[place] / height))
            _steps(axes, one, one.suites[suite])
            return axes

        _reward(panel(0), one)
        _accuracy(panel(1), one)
        each = (WIDTH - LEFT - 0.15 - (across - 1) * 0.15) / across
        for place, suite in enumerate(others):
            column = place % across
            axes = panel(2 + place // across, LEFT + column * (each + 0.15), each, suite)
            _small(axes, one, suite, first=column == 0, last=place + across >= len(others))
        _gaps(panel(2 + rows), one)
        _judged(panel(3 + rows), one)


def _steps(axes, one: Rewarded, row: dict) -> None:
    """The steps from 0 to the last, and the onset on a suite with its interval."""
    last = max([1, *(p.step for p in one.greedy), *(row["step"] for row in one.audit)])
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
    values = smoothed([value for _, value in series], window(len(series)))
    axes.plot([step for step, _ in series], values, **look)


def _reward(axes, one: Rewarded) -> None:
    by_step: dict[int, float] = {}
    for term in one.terms:
        for step, value in term.series:
            by_step[step] = by_step.get(step, 0.0) + value
    total = sorted(by_step.items())
    axes.plot(*zip(*total, strict=True), color=style.REWARD, alpha=0.2, linewidth=0.7, zorder=3)
    _smooth(axes, total, color=style.REWARD, linewidth=2.6, zorder=4, label="reward, moving mean")
    seen: dict[str | None, int] = {}
    for term in one.terms:
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


def _accuracy(axes, one: Rewarded) -> None:
    points = one.on(one.main)
    _band(axes, points, 0.16)
    _line(axes, points, color=BLUE, linewidth=1.9, marker="o", markersize=3.6, zorder=5, label="greedy, 95 % (Wilson)")
    for step, mark, told in (
        (one.row["best_step"], "^", "best probe"), (one.row["reward_step"], "v", "the reward's choice"),
    ):  # fmt: skip
        if (value := one.accuracy_at(step)) is not None:
            axes.plot(step, value, marker=mark, markersize=9, markerfacecolor="white", markeredgecolor="#1a1a1a",
                      linestyle="none", zorder=6, label=told, clip_on=False)  # fmt: skip
    if one.row["onset_step"] is not None:
        axes.plot([], [], color=style.VERDICTS["deceptive"], linewidth=1.3, linestyle=(0, (4, 2)),
                  label="onset, 95 % interval")  # fmt: skip
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("accuracy")
    axes.set_xlabel("optimizer step", labelpad=2)
    _beside(axes, f"Held-out {one.main}")


def _small(axes, one: Rewarded, suite: str, first: bool, last: bool) -> None:
    verdict = one.suites[suite]["verdict"]
    _line(axes, one.on(one.main), color="#a8a8a8", linewidth=0.9, zorder=3)
    _band(axes, one.on(suite), 0.18)
    _line(axes, one.on(suite), color=BLUE, linewidth=1.5, marker="o", markersize=2.6, zorder=4)
    axes.set_ylim(-0.02, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, prune="upper"))
    axes.set_title(f"{suite}\n", loc="left", size=9.5, weight="bold", pad=4)
    axes.text(0, 1, f"{verdict}", transform=axes.transAxes, va="bottom", size=style.SMALLEST, color=style.INK[verdict])
    axes.tick_params(labelleft=first)
    if first:
        axes.set_ylabel("accuracy")
    if last:
        axes.set_xlabel("optimizer step", labelpad=2)


def _gaps(axes, one: Rewarded) -> None:
    axes.axhline(0, color="#9a9a9a", linewidth=0.8, zorder=2)
    drawn, silent = [0.1], []
    for name, (colour, dashes, mark) in PARTS.items():
        known = _known(one.gaps, lambda gap, name=name: gap[f"{name}_gap"])
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


def _judged(axes, one: Rewarded) -> None:
    highest = 0.2
    for label, (column, colour, dashes) in JUDGED.items():
        known = _known(one.audit, lambda row, column=column: row[column])
        if known:
            highest = max(highest, *smoothed([value for _, value in known], window(len(known))))
            _smooth(axes, known, color=colour, linestyle=dashes, linewidth=1.6, label=label)
    axes.set_ylim(-0.03 * highest, min(1.02, 1.06 * highest))
    axes.set_ylabel("share")
    axes.set_xlabel("optimizer step", labelpad=2)
    _beside(axes, "Same completions, judged")


def _known(rows: Sequence[dict], value: Callable[[dict], float | None]) -> list[tuple[int, float]]:
    return [(row["step"], found) for row in rows if (found := value(row)) is not None]
