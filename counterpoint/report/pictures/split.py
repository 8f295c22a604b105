"""split.png: accuracy against the share of a fixed budget of problems that SFT gets, the rest being RL's.

Drawn from rows of the mart `split_curve`. The seconds below it differ from one rerun to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from counterpoint.report.pictures import style

TITLE = "How many of the problems for SFT, how many for RL"
SUITES = {"in_domain": 2.3, "text_twin": 1.15, "rule_shift": 1.15}  # shown, with the inches up; the first in full
COLOURS = ("#1a1a1a", "#00795a", "#b5468f", "#a06a00", "#5b6fb0")  # of models; methods have others
MARKS, DASHES = ("o", "s", "^", "D", "v"), ("solid", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (4, 1.2, 1, 1.2)), "solid")
PANELS = {1: 4.2, 2: 2.15}  # inches across by how many samples there are; else the least of them
LEFT, RIGHT, GAP, BETWEEN, UNDER, LETTER = 0.62, 0.12, 0.22, 0.36, 0.68, 0.072  # inches
TOP, LINE = 1.02, 0.17  # inches; a line of the figures under the panels
ENDS = {0: "\nall RL", 100: "\nall SFT"}
EDGE = 9  # points of share beside the ends
APART = 1.1  # points of share between the models' marks, so that their intervals stand side by side


def draw(rows: Sequence[dict], path: Path) -> bool:
    """Draw the rows of the mart `split_curve`: a column of panels for each sample, a line for each model. False, and no
    picture, where there are none."""
    suites = [suite for suite in SUITES if any(row["suite"] == suite for row in rows)]
    if not suites:
        return False
    samples = [name for _, name in sorted({(row["problems"], row["sample"]) for row in rows})]
    models = sorted({row["model"] for row in rows}, key=lambda model: (-_best(rows, model), model))
    spent = [_spent([row for row in rows if row["sample"] == sample], models) for sample in samples]
    left = max(LEFT, 0.22 + LETTER * max(len(name) for lines in spent for name, _ in lines))
    panel = PANELS.get(len(samples), min(PANELS.values()))
    inner = sum(SUITES[suite] for suite in suites) + BETWEEN * (len(suites) - 1)
    width = left + len(samples) * (panel + GAP) - GAP + RIGHT
    height = TOP + inner + UNDER + LINE * max(map(len, spent)) + 0.34
    with style.sheet(width, height, path, TITLE, "greedy accuracy, %: means over seeds, 95 % intervals") as figure:
        top = TOP
        for suite in suites:
            first = None
            for column, sample in enumerate(samples):
                shown = [row for row in rows if (row["sample"], row["suite"]) == (sample, suite)]
                start = left + column * (panel + GAP)
                axes = first = style.panel(figure, start, top, panel, SUITES[suite], sharey=first)
                _panel(axes, shown, models, thick=suite == suites[0])
                axes.tick_params(labelbottom=suite == suites[-1], labelleft=column == 0)
                if column == 0:
                    axes.set_title(suite, loc="left", size=10, pad=3)
                if suite == suites[0] and shown:
                    axes.set_title(f"{shown[0]['problems']:,} problems", loc="right", size=10, pad=3, weight="bold")
                if suite == suites[-1]:
                    axes.set_xlabel("share for SFT, %", labelpad=1)
                    _figures(figure, spent[column], start, panel, top + SUITES[suite] + UNDER, named=column == 0)
            top += SUITES[suite] + BETWEEN
        _key(figure, models)
    return True


def _best(rows: Sequence[dict], model: str) -> float:
    return max(row["accuracy"] for row in rows if row["model"] == model and row["suite"] in SUITES)


def _look(models: Sequence[str], model: str) -> dict:
    look = models.index(model) % len(COLOURS)
    return {"color": COLOURS[look], "marker": MARKS[look], "linestyle": DASHES[look]}


def _panel(axes, rows: list[dict], models: Sequence[str], thick: bool) -> None:
    for number, model in enumerate(models):
        mine = sorted((row for row in rows if row["model"] == model), key=lambda row: row["share"])
        look = _look(models, model)
        xs = [100 * row["share"] + APART * (number - (len(models) - 1) / 2) for row in mine]
        for x, row in zip(xs, mine, strict=True):
            ends = [100 * row["low"], 100 * row["high"]]
            axes.plot([x, x], ends, color=look["color"], linewidth=1.2 if thick else 0.8, alpha=0.55, zorder=3)
        means = [100 * row["accuracy"] for row in mine]
        axes.plot(xs, means, linewidth=2.0 if thick else 1.2, markersize=5.5 if thick else 3.8, zorder=4, **look)
    shares = sorted({round(100 * row["share"], 6) for row in rows})
    axes.set_xticks(shares, [f"{share:g}{ENDS.get(share, '')}" for share in shares])
    axes.set_xlim(-EDGE, 100 + EDGE)
    axes.grid(visible=False, axis="x")


def _spent(rows: Sequence[dict], models: Sequence[str]) -> list[tuple[str, dict[float, str]]]:
    """What stands under the shares: updates, which are the same for all models, and seconds of each model."""
    lines = {"updates": {row["share"]: f"{row['total_updates']:,.0f}" for row in rows if row["total_updates"]}}
    for model in models:
        timed = [row for row in rows if row["model"] == model and row["spent_seconds"] is not None]
        lines[f"s, {model}"] = {row["share"]: f"{row['spent_seconds']:,.0f}" for row in timed}
    return [(name, line) for name, line in lines.items() if line]


def _figures(figure, lines: list, left: float, panel: float, top: float, named: bool) -> None:
    """Lines of figures, each under its share; inches from the upper left."""
    look = {"color": style.MUTED}
    for number, (name, line) in enumerate(lines):
        middle = top + LINE * (number + 0.5)
        if named:
            style.text(figure, left - 0.1, middle, name, ha="right", **look)
        for share, words in line.items():
            across = left + panel * (100 * share + EDGE) / (100 + 2 * EDGE)
            style.text(figure, across, middle, words, ha="center", **look)


def _key(figure, models: Sequence[str]) -> None:
    handles = [style.entry(model, linewidth=2, markersize=5.5, **_look(models, model)) for model in models]
    style.legend(figure, handles, 4, 0.06, figure.get_figheight() - 0.54, loc="upper left", handlelength=2.6)
    style.text(figure, 0.12, -0.08, "updates and seconds (s) of both parts together", va="bottom", color=style.MUTED)
