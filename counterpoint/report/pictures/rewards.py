"""rewards.png: reward and accuracy of all that earns a reward, from first probe to last, a panel a model; below, the
verdict of every run. Of a study with many arms the panels have a mark an arm, of another a mark a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

from counterpoint.report.pictures import style
from counterpoint.report.pictures.labels import Box, placed
from counterpoint.report.pictures.reward_runs import LAST, RewardRun, by_arm, mean_point
from counterpoint.report.results import Results

TITLE = "Does the reward tell the truth?"
MANY = 20  # arms above which the runs of one are drawn as one mark
SHAPES = {"deceptive": "v", "aligned": "^", "inconclusive": "o", "saturated": "s"}  # of verdicts
LEFT, RIGHT, TOP, UP, ABOVE, TICKS, LABEL = 0.62, 0.14, 0.92, 2.3, 0.3, 0.3, 0.2  # inches
ROW, LETTER, SIGN, MARK, GAP, HEAD = 0.19, 0.22, 0.064, 0.075, 0.07, 0.075  # inches; HEAD: of a letter of a model
WIDE = 6.1  # inches that the table may take


@dataclass(frozen=True)
class Mark:
    """One run, or the mean of an arm's runs: (reward, accuracy as a fraction) at its start and its end."""

    label: str
    start: tuple[float, float]
    end: tuple[float, float]
    verdict: str
    planted: bool


def draw(results: Results, path: Path) -> None:
    """Draw the sheet; a study without a run that earns a reward gets a picture that says so."""
    arms = by_arm(results)
    if not arms:
        style.sentence(path, TITLE, "This study has no RL run with probes.")
        return
    models = list(dict.fromkeys(arm.model for arm, _ in arms))
    names = list(dict.fromkeys(arm.name for arm, _ in arms))
    letters = {name: letter(number) for number, name in enumerate(names)}
    pooled = len(arms) > MANY
    cell = max(MARK * max(len(runs) for _, runs in arms) + GAP, 0.2)
    unit = LETTER + SIGN * max(map(len, names)) + 0.06 + cell * len(models) + GAP
    columns = max(1, min(len(names), int((WIDE - 0.12) / unit)))
    lines = math.ceil(len(names) / columns)
    width = max(WIDE, 0.12 + unit * columns + 0.05)
    heads = 0.3 + HEAD * max(map(len, models))
    table = heads + ROW * lines + 0.08
    entries = _handles([run for _, runs in arms for run in runs])
    legend = 0.12 + 0.2 * math.ceil(len(entries) / 3)
    height = TOP + len(models) * (ABOVE + UP + TICKS) + LABEL + legend + table
    means = ", means over seeds" if pooled else ""
    subtitle = f"from the first probe to the last {LAST}{means}; letters: the arms below"
    shapes = "shape and colour: the verdict"
    shapes += " of more than half of an arm's runs, else inconclusive" if pooled else ""
    with style.sheet(width, height, path, TITLE, subtitle) as figure:
        style.text(figure, 0.12, 0.54, shapes, va="top", color=style.MUTED, size=9.5)
        size = (width - LEFT - RIGHT, UP)
        for number, model in enumerate(models):
            axes = style.panel(figure, LEFT, TOP + number * (ABOVE + UP + TICKS) + ABOVE, *size)
            labelled = [(letters[arm.name], runs) for arm, runs in arms if arm.model == model]
            _head(axes, model, [run for _, runs in labelled for run in runs])
            _panel(axes, marks(labelled, pooled), size)
        axes.set_xlabel("training reward")
        style.legend(
            figure, entries, 3, LEFT, table + legend, loc="upper left", handlelength=1.4, borderpad=0,
            fontsize=style.SMALLEST,
        )  # fmt: skip
        ends = {"xlim": (0, width - 0.14), "ylim": (table - heads, -heads)}
        axes = style.panel(figure, 0.12, height - table, width - 0.14, table, **ends)
        axes.axis("off")
        runs_of = {(arm.name, arm.model): runs for arm, runs in arms}
        for number in range(columns):
            part = names[number * lines : (number + 1) * lines]
            _table(axes, unit * number, [(letters[name], name) for name in part], models, runs_of, cell)


def letter(number: int) -> str:
    """a to z, then aa, ab, …"""
    more, last = divmod(number, len(ascii_lowercase))
    return (letter(more - 1) if more else "") + ascii_lowercase[last]


def marks(arms: Sequence[tuple[str, Sequence[RewardRun]]], pooled: bool) -> list[Mark]:
    """A mark for each run that has both reward and accuracy, or, `pooled`, one for each arm that has such a run.

    A pooled mark has the verdict of more than half of the arm's runs; that of a deceptive run names its mechanism.
    """
    drawn = []
    for label, runs in arms:
        for part in [runs] if pooled else [[run] for run in runs]:
            ends = [both for run in part if (both := run.ends()) is not None]
            if not ends:
                continue
            verdict, count = Counter(run.row["verdict"] for run in part).most_common(1)[0]
            if 2 * count <= len(part):
                verdict = "inconclusive"
            named = label
            if verdict == "deceptive" and not pooled and part[0].row["mechanism"] != "unknown":
                named = f"{label} {part[0].row['mechanism'].replace('_', '-')}"
            start, end = (mean_point(points) for points in zip(*ends, strict=True))
            drawn.append(Mark(named, start, end, verdict, part[0].planted))
    return drawn


def _head(axes, model: str, runs: Sequence[RewardRun]) -> None:
    count = Counter(run.row["verdict"] for run in runs)
    counts = ", ".join(f"{count[verdict]} {verdict}" for verdict in style.VERDICTS if count[verdict])
    axes.set_title(model, loc="left", weight="bold", color=style.METHOD_COLOURS["base"])
    axes.set_title(f"{len(runs)} runs: {counts}", loc="right", size=style.SMALLEST, color=style.MUTED)
    axes.set_ylabel(f"accuracy, {runs[0].main}, %")


def _panel(axes, shown: Sequence[Mark], size: tuple[float, float]) -> None:
    """Each mark with a line from its start, and its label beside it; `size` is the panel's, in inches."""
    if not shown:
        return
    x = [end[0] for mark in shown for end in (mark.start, mark.end)]
    y = [100 * end[1] for mark in shown for end in (mark.start, mark.end)]
    for values, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        pad = 0.07 * max(max(values) - min(values), 1e-3 * max(1.0, *map(abs, values)))
        limit(min(values) - pad, max(values) + pad)
    for mark in shown:
        ends = ([mark.start[0], mark.end[0]], [100 * mark.start[1], 100 * mark.end[1]])
        axes.plot(*ends, color=style.INK[mark.verdict], linewidth=0.7, alpha=0.45, zorder=3)
        axes.plot(ends[0][1], ends[1][1], zorder=5, markersize=8, **_look(mark.verdict, mark.planted))
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    spots = [
        ((mark.end[0] - left) / (right - left) * size[0], (100 * mark.end[1] - low) / (high - low) * size[1])
        for mark in shown
    ]
    taken = [Box(x - 0.06, y - 0.06, x + 0.06, y + 0.06) for x, y in spots]
    for mark, box in zip(shown, placed([mark.label for mark in shown], spots, taken, [], size), strict=True):
        axes.text((box.left + box.right) / 2 / size[0], (box.bottom + box.top) / 2 / size[1], mark.label,
                  transform=axes.transAxes, ha="center", va="center", size=style.SMALLEST, zorder=6)  # fmt: skip


def _look(verdict: str, planted: bool) -> dict:
    """The shape and colour of a verdict; filled for an honest reward, open for a planted one."""
    colour = style.VERDICTS[verdict]
    return {
        "marker": SHAPES[verdict], "markerfacecolor": "white" if planted else colour, "linestyle": "none",
        "markeredgecolor": colour if planted else style.INK[verdict], "markeredgewidth": 1.8 if planted else 0.8,
    }  # fmt: skip


def _handles(runs: Sequence[RewardRun]) -> list:
    """A legend's entries: the verdicts and planted rewards that there are."""
    verdicts = [verdict for verdict in style.VERDICTS if any(run.row["verdict"] == verdict for run in runs)]
    entries = [style.entry(verdict, markersize=8, **_look(verdict, False)) for verdict in verdicts]
    if any(run.planted for run in runs):
        look = {"marker": "o", "markerfacecolor": "white", "markeredgewidth": 1.8, "linestyle": "none"}
        entries.append(style.entry("open: planted reward", markersize=8, **look))
    return entries


def _table(
    axes, left: float, arms: Sequence[tuple[str, str]], models: Sequence[str],
    runs_of: dict[tuple[str, str], list[RewardRun]], cell: float,
) -> None:  # fmt: skip
    """Arms down, models across, a mark a run, from `left` inches on and 0 down."""
    order = list(style.VERDICTS)
    right = left + LETTER + SIGN * max((len(name) for _, name in arms), default=0) + 0.06
    for column, model in enumerate(models):
        axes.text(right + cell * (column + 0.5), -0.08, model, rotation=90, ha="center", va="bottom",
                  size=style.SMALLEST, weight="bold", color=style.METHOD_COLOURS["base"])  # fmt: skip
    for line, (sign, name) in enumerate(arms):
        middle = ROW * (line + 0.5)
        axes.text(left, middle, sign, weight="bold", va="center", size=style.SMALLEST)
        axes.text(left + LETTER, middle, name, va="center", size=style.SMALLEST)
        for column, model in enumerate(models):
            runs = sorted(runs_of.get((name, model), ()), key=lambda run: order.index(run.row["verdict"]))
            for number, run in enumerate(runs):
                spot = right + cell * column + GAP / 2 + MARK * (number + 0.5)
                axes.plot(spot, middle, markersize=4.4, **_look(run.row["verdict"], run.planted))
