"""rewards.png of a study with many arms: a panel a model, a mark an arm; below, the verdict of each run as a square."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from counterpoint.report import style
from counterpoint.report.marks import Mark, Spot, handles, letter, panel
from counterpoint.report.results import Group
from counterpoint.report.rewarded import LAST, Rewarded

Arms = Sequence[tuple[Group, list[Rewarded]]]
TOLD = (
    f"each arm from its first probe to its last {LAST}, means over seeds; letters: the arms below",
    "colour and shape: the verdict of more than half of its runs, else inconclusive",
)
LEFT, RIGHT, TOP, UP, ABOVE, TICKS, LABEL = 0.62, 0.14, 0.92, 2.3, 0.3, 0.3, 0.2  # inches
ROW, LETTER, SIGN, SQUARE, GAP, HEAD = 0.19, 0.22, 0.065, 0.075, 0.07, 0.075  # HEAD: of a letter of a model's name
WIDE = 6.1  # inches that the table may take


def draw(arms: Arms, path: Path, title: str) -> None:
    """Draw the sheet of the arms, each with its runs."""
    models = list(dict.fromkeys(group.model for group, _ in arms))
    names = list(dict.fromkeys(group.name for group, _ in arms))
    runs = [one for _, mine in arms for one in mine]
    cell = SQUARE * max(len(mine) for _, mine in arms) + GAP
    unit = LETTER + SIGN * max(map(len, names)) + 0.06 + cell * len(models) + GAP
    columns = max(1, min(len(names), int((WIDE - 0.12) / unit)))
    width = max(WIDE, 0.12 + unit * columns + 0.05)
    lines = math.ceil(len(names) / columns)
    parts = [names[start : start + lines] for start in range(0, len(names), lines)]
    square = Line2D([], [], marker="s", markersize=5, color=style.MUTED, lw=0, label="below: the verdict of a run")
    entries, beside = [*handles(runs), square], 3
    legend = 0.12 + 0.2 * math.ceil(len(entries) / beside)
    heads = 0.3 + HEAD * max(map(len, models))
    table = heads + ROW * lines + 0.08
    height = TOP + len(models) * (ABOVE + UP + TICKS) + LABEL + legend + table
    with style.sheet(width, height, path) as figure:
        style.heading(figure, title, TOLD[0])
        figure.text(0.12 / width, 1 - 0.54 / height, TOLD[1], va="top", color=style.MUTED, size=9.5)
        for number, model in enumerate(models):
            under = height - TOP - number * (ABOVE + UP + TICKS) - ABOVE - UP
            across = width - LEFT - RIGHT
            axes = figure.add_axes((LEFT / width, under / height, across / width, UP / height))
            mine = [(letter(names.index(group.name)), found) for group, found in arms if group.model == model]
            _panel(axes, model, mine, across)
            axes.set_xlabel("training reward" if model == models[-1] else "")
        figure.legend(
            handles=entries, loc="upper left", bbox_to_anchor=(LEFT / width, (table + legend) / height), ncols=beside,
            frameon=False, columnspacing=1.2, handlelength=1.4, borderaxespad=0, borderpad=0, fontsize=style.SMALLEST,
        )  # fmt: skip
        axes = figure.add_axes(
            (0.12 / width, 0, 1 - 0.14 / width, table / height), xlim=(0, width - 0.14), ylim=(table - heads, -heads)
        )
        axes.axis("off")
        verdicts = {(group.name, group.model): [one.row["verdict"] for one in mine] for group, mine in arms}
        for number, part in enumerate(parts):
            _table(axes, unit * number, [(letter(names.index(one)), one) for one in part], models, verdicts, cell)


def mean_of(sign: str, runs: Sequence[Rewarded]) -> Mark | None:
    """The mark of an arm: the means over its runs, and what more than half of them are; None without such a run."""
    ends = [found for one in runs if (found := one.ends()) is not None]
    if not ends:
        return None
    start, end = (_mean([both[place] for both in ends]) for place in (0, 1))
    verdict, count = Counter(one.row["verdict"] for one in runs).most_common(1)[0]
    if 2 * count <= len(runs):
        return Mark(sign, start, end, "inconclusive", "none", runs[0].planted)
    found = Counter(one.row["mechanism"] for one in runs if one.row["verdict"] == verdict).most_common(1)[0]
    mechanism = found[0] if 2 * found[1] > count else "unknown"
    return Mark(sign, start, end, verdict, mechanism, runs[0].planted)


def _mean(points: Sequence[Spot]) -> Spot:
    return tuple(math.fsum(point[place] for point in points) / len(points) for place in (0, 1))


def _panel(axes, model: str, arms: list[tuple[str, list[Rewarded]]], across: float) -> None:
    runs = [one for _, mine in arms for one in mine]
    count = Counter(one.row["verdict"] for one in runs)
    told = ", ".join(f"{count[verdict]} {verdict}" for verdict in style.VERDICTS if count[verdict])
    axes.set_title(model, loc="left", weight="bold", color=style.METHOD_COLOURS["base"])
    axes.set_title(f"{len(runs)} runs: {told}", loc="right", size=style.SMALLEST, color=style.MUTED)
    axes.set_ylabel(f"accuracy, {runs[0].main}, %")
    if drawn := [mark for sign, mine in arms if (mark := mean_of(sign, mine))]:
        panel(axes, drawn, (across, UP), heads=False)


def _table(axes, left: float, arms: list[tuple[str, str]], models: list[str], verdicts: dict, cell: float) -> None:
    """Arms down, models across, from `left` inches on and 0 down."""
    right = left + LETTER + SIGN * max(map(len, (name for _, name in arms))) + 0.06
    for place, model in enumerate(models):
        axes.text(right + cell * (place + 0.5), -0.08, model, rotation=90, ha="center", va="bottom",
                  size=style.SMALLEST, weight="bold", color=style.METHOD_COLOURS["base"])  # fmt: skip
    for line, (sign, name) in enumerate(arms):
        middle = ROW * (line + 0.5)
        axes.text(left, middle, sign, weight="bold", va="center", size=style.SMALLEST)
        axes.text(left + LETTER, middle, name, va="center", size=style.SMALLEST)
        for place, model in enumerate(models):
            found = sorted(verdicts.get((name, model), ()), key=list(style.VERDICTS).index)
            for number, verdict in enumerate(found):
                box = (right + cell * place + GAP / 2 + SQUARE * number, middle - 0.055)
                axes.add_patch(Rectangle(box, SQUARE - 0.01, 0.11, color=style.VERDICTS[verdict], lw=0))
