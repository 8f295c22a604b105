"""phase.png: when SFT wins and when RL does, by base competence and sample size, a panel for each kind of traces.

Drawn from rows of the mart `phase`; the RL runs are the same in all panels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.patches import Patch, Rectangle

from counterpoint.report.numbers import signed
from counterpoint.report.pictures import style

TITLE = "When SFT wins, when RL wins"
FIRST = ("oracle", "self", "self_again", "sibling", "foreign", "answer_only", "noisy")
CELL = (0.58, 0.41)  # inches across and up
ROOM, GAP, LETTER = 4.6, 0.3, 0.092  # inches: of the panels side by side, between them, of a letter of a title
TOP, HEAD, TICKS, BOTTOM = 0.66, 0.28, 0.27, 1.42  # inches
PALE, LEAST = 0.08, 0.30  # how much colour a cell has that is not significant, and one that hardly is
NOT_RUN = {"facecolor": "#f4f4f4", "edgecolor": "#bdbdbd", "hatch": "////", "linewidth": 0}
EVEN = 0.2  # luminance on which white letters stand out as well as black ones do
FEW = 3  # seeds from which on nothing is remarked
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Panel:
    """A kind of traces, the samples that it was tried on (size, name), and where it lies in inches."""

    kind: str
    samples: list[tuple[int, str]]
    left: float
    top: float

    @property
    def width(self) -> float:
        """Inches that it takes, its title included."""
        return max(CELL[0] * len(self.samples), LETTER * len(self.kind))


def draw(rows: Sequence[dict], path: Path, suite: str = "in_domain") -> bool:
    """Draw the rows of the mart `phase` on one suite; False, and no picture, where there are none.

    A sample that a kind was tried on with no model has no column in its panel; a cell without runs is hatched.
    """
    rows = [row for row in rows if row["suite"] == suite]
    if not rows:
        return False
    models = sorted({(row["base_accuracy"] or 0.0, row["model"]) for row in rows})
    left = 0.24 + 0.075 * max(*(len(model) for _, model in models), len("base 00 %"))
    up = CELL[1] * len(models)
    panels = laid_out(rows, left, HEAD + up + TICKS)
    width = max(0.1 + max(panel.left + panel.width for panel in panels), 4.9)
    height = max(panel.top for panel in panels) + HEAD + up + TICKS + BOTTOM
    limit = reach(rows)
    shared = "; the same RL in every panel" if len(panels) > 1 else ""
    with style.sheet(width, height, path, TITLE, f"SFT − RL, points of {suite} accuracy{shared}") as figure:
        for panel in panels:
            across = CELL[0] * len(panel.samples)
            top = panel.top + HEAD
            axes = style.panel(figure, panel.left, top, across, up, xlim=(0, len(panel.samples)), ylim=(0, len(models)))
            _cells(axes, [row for row in rows if row["kind"] == panel.kind], panel.samples, models, limit)
            axes.set_title(panel.kind, loc="left", weight="bold", pad=4)
            axes.set_xticks([i + 0.5 for i in range(len(panel.samples))], [name for _, name in panel.samples])
            axes.set_yticks([])
            for line, (competence, model) in enumerate(models) if panel.left == left else ():
                middle = top + up - (line + 0.5) * CELL[1]
                style.text(figure, left - 0.07, middle - 0.075, model, ha="right", size=9.5, weight="bold")
                base = f"base {100 * competence:.0f} %"
                style.text(figure, left - 0.07, middle + 0.075, base, ha="right", color=style.MUTED)
        _key(figure, rows, panels, limit)
    return True


def laid_out(rows: Sequence[dict], left: float, line: float) -> list[Panel]:
    """The panels from the upper left on, in lines `line` inches high."""
    panels, start, top = [], left, TOP
    for kind in sorted({row["kind"] for row in rows}, key=kind_order):
        samples = sorted({(row["problems"] or 0, row["sample"]) for row in rows if row["kind"] == kind})
        panel = Panel(kind, samples, start, top)
        if start > left and start + panel.width > left + ROOM:
            panel = Panel(kind, samples, left, top := top + line)
        panels.append(panel)
        start = panel.left + panel.width + GAP
    return panels


def kind_order(kind: str) -> tuple:
    """A sort key of kinds of traces: those of the default study in their order, then the names."""
    return (FIRST.index(kind) if kind in FIRST else len(FIRST), kind)


def reach(rows: Sequence[dict]) -> float:
    """The points at which the colour is full: the largest significant difference, rounded up to ten."""
    return 10.0 * max(1, *(math.ceil(10 * abs(row["difference"])) for row in rows if row["significant"]), 1)


def tint(row: dict, limit: float) -> str:
    """The colour of a cell: the method's that is ahead, the more the further, pale where the interval holds 0.

    A difference that is shown as 0 is grey."""
    if not round(100 * row["difference"], 1):
        return style.blend(style.MUTED, PALE)
    share = min(1.0, abs(100 * row["difference"]) / limit)
    amount = LEAST + (1 - LEAST) * share if row["significant"] else PALE
    return style.blend(style.colour("sft" if row["difference"] > 0 else "rl"), amount)


def _cells(axes, rows: list[dict], samples: list[tuple], models: list[tuple], limit: float) -> None:
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    by_cell = {(row["model"], row["sample"]): row for row in rows}
    for line, (_, model) in enumerate(models):
        for column, (_, sample) in enumerate(samples):
            row = by_cell.get((model, sample))
            if row is None:
                axes.add_patch(Rectangle((column, line), 1, 1, **NOT_RUN))
            else:
                _cell(axes, column, line, row, limit)
            axes.add_patch(Rectangle((column, line), 1, 1, fill=False, edgecolor="white", linewidth=2))


def _cell(axes, column: int, line: int, row: dict, limit: float) -> None:
    face = tint(row, limit)
    axes.add_patch(Rectangle((column, line), 1, 1, facecolor=face, linewidth=0))
    few = str(row["seeds"]).translate(RAISED) if row["seeds"] < FEW else ""
    number = signed(100 * row["difference"]) + few
    middle = {"ha": "center", "va": "center"}
    if row["significant"]:
        ink = "white" if style.luminance(face) < EVEN else "#1a1a1a"
        axes.text(column + 0.5, line + 0.5, number, size=9.5, color=ink, **middle)
    else:
        axes.text(column + 0.5, line + 0.64, number, size=9.5, color="#5c5c5c", **middle)
        axes.text(column + 0.5, line + 0.27, "n.s.", size=style.SMALLEST, color="#5c5c5c", **middle)


def _key(figure, rows: Sequence[dict], panels: Sequence[Panel], limit: float) -> None:
    """The scale of colours, and what the other marks mean; sizes in inches from the lower edge."""
    axes_are = "panels: kinds of traces; across: problems in the sample; up: the base"
    style.text(figure, 0.12, -1.36, axes_are, va="top", size=9.5, color=style.MUTED)
    steps = 40
    top = figure.get_figheight() - 1.01
    axes = style.panel(figure, 0.95, top, 2.5, 0.13, xlim=(-limit, limit), ylim=(0, 1))
    axes.grid(visible=False)
    for number in range(-steps, steps):
        low = limit * number / steps
        shown = {"difference": (low + limit / steps / 2) / 100, "significant": True}
        axes.add_patch(Rectangle((low, 0), limit / steps, 1, facecolor=tint(shown, limit), linewidth=0))
    axes.set_yticks([])
    axes.set_xticks([-limit, -limit / 2, 0, limit / 2, limit])
    axes.xaxis.set_major_formatter(lambda value, _: signed(value, 0) if value else "0")
    axes.spines[["left", "bottom"]].set_visible(False)
    style.text(figure, 0.87, -0.945, "RL ahead", ha="right", size=9.5, color=style.colour("rl"))
    style.text(figure, 3.53, -0.945, "SFT ahead", size=9.5, color=style.colour("sft"))
    handles = [Patch(facecolor="#f0f0f0", edgecolor="#bdbdbd", lw=0.6, label="pale, n.s.: the 95 % interval holds 0")]
    if len(rows) < len({row["model"] for row in rows}) * sum(len(panel.samples) for panel in panels):
        handles.append(Patch(**NOT_RUN, label="not run"))
    style.legend(figure, handles, 2, 0.06, 0.25, handlelength=1.4)
    counts = sorted({row["seeds"] for row in rows})
    few = " ".join(str(count).translate(RAISED) for count in counts if count < FEW)
    note = "intervals are over seeds and problems"
    if few:
        note = f"{few} so many seeds" + ("; the intervals of one are over problems alone" if counts[0] == 1 else "")
    style.text(figure, 0.12, -0.08, note, va="bottom", color=style.MUTED)
