"""findings.png: a forest plot of the findings, one row a contrast with its interval, its null and its verdict.

Shows the primary contrasts (bold) and the secondary ones on the suites that a finding names, at the end of training.
What is compared at equal budgets, and on other suites, is in the table: `python -m stages.findings --all` lists it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from counterpoint.analysis import prevalence
from counterpoint.analysis.claims import CLAIMS, OTHERS
from counterpoint.report.numbers import change
from counterpoint.report.pictures import style

TITLE = "Findings"
SUBTITLE = (
    "effects with 95 % intervals; bold, square: primary contrasts, which decide; verdicts after Holm's correction"
)
COLOURS = {"supported": "#00795a", "contradicted": "#d55e00", "suggestive": "#0072b2", "inconclusive": style.MUTED}
RUNS = "runs"  # the axis of `reward_truth`, whose points are shares of runs
AXES = {
    "logits": "difference of differences, logits", "points": "difference in greedy accuracy, points",
    RUNS: "honest RL runs whose reward is deceptive, %",
}  # fmt: skip
WIDEST = {"points": 40.0, "logits": 3.0, RUNS: 100.0}  # intervals that reach beyond end in an arrow
ROW, NAME, CLAIM, GAP = 0.18, 0.2, 0.165, 0.12  # inches: of a row, a finding's name, its claim, between findings
LABELS, PANEL, NUMBERS = 3.55, 2.65, 3.95  # inches across
TOP, BOTTOM, AXIS = 0.6, 0.08, 0.42
SEEDS, VERDICT = 1.7, 2.32  # inches from the numbers' left edge


def shown(rows: Iterable[dict]) -> list[dict]:
    """The rows to draw, in the order of the claims, a primary contrast before the others."""
    suites = {claim.finding: {c.suite for c in claim.contrasts if c.suite != OTHERS} for claim in CLAIMS}
    order = [claim.finding for claim in CLAIMS]
    drawn = [
        row for row in rows
        if row["effect"] is not None and row["matched_on"] == "end"
        and (_axis(row) == RUNS or row["suite"] in suites.get(row["finding"], ()))
    ]  # fmt: skip
    return sorted(
        drawn,
        key=lambda row: (
            list(AXES).index(_axis(row)), order.index(row["finding"]), row["role"] == "secondary", row["model"],
            row["contrast"], row["suite"],
        ),
    )  # fmt: skip


def draw(rows: Sequence[dict], path: Path) -> None:
    """Draw the rows of the table `findings`; a study without any comparison gets a picture that says so."""
    rows = shown(rows)
    if not rows:
        style.sentence(path, TITLE, "This study has no arms that the findings compare.")
        return
    blocks = [(*key, list(block)) for key, block in groupby(rows, key=lambda row: (_axis(row), row["finding"]))]
    axis_ends = [i for i, block in enumerate(blocks) if i + 1 == len(blocks) or blocks[i + 1][0] != block[0]]
    width = LABELS + PANEL + NUMBERS
    height = TOP + (NAME + CLAIM + GAP) * len(blocks) + ROW * len(rows) + AXIS * len(axis_ends) + BOTTOM
    with style.sheet(width, height, path, TITLE, SUBTITLE) as figure:
        top = TOP
        for number, (axis, _, block) in enumerate(blocks):
            _heading(figure, block[0], top)
            top += NAME + CLAIM
            inner = ROW * len(block)
            limit = _limit(axis, [row for row in rows if _axis(row) == axis])
            ends = (-0.02 * limit if axis == RUNS else -limit, limit)
            axes = style.panel(figure, LABELS, top, PANEL, inner, xlim=ends, ylim=(inner, 0), yticks=[])
            axes.spines["left"].set_visible(False)
            axes.grid(visible=False, axis="y")
            axes.axvline(0, color="#444444", linewidth=0.9, zorder=2)
            for line, row in enumerate(block):
                _interval(axes, row, ROW * (line + 0.5), limit)
                _words(figure, row, top + ROW * (line + 0.5))
            top += inner + GAP
            if number in axis_ends:
                axes.set_xlabel(AXES[axis], labelpad=2)
                top += AXIS
            else:
                axes.tick_params(labelbottom=False, length=0)
                axes.spines["bottom"].set_visible(False)
        null = style.entry("null", "#444444", marker="|", linestyle="none", markersize=9)
        style.legend(figure, [null], 1, width - 0.08, height - 0.06, loc="upper right", handlelength=0.8)


def _axis(row: dict) -> str:
    """The axis of a row: a key of AXES."""
    return RUNS if row["finding"] == prevalence.FINDING else row["unit"]


def _limit(axis: str, rows: Sequence[dict]) -> float:
    ends = [abs(row[name]) for row in rows for name in ("low", "high", "null_value")]
    return min(WIDEST[axis], 1.06 * max(ends))


def _tested(row: dict) -> float:
    return row["effect"] if row["unit"] == "points" else row["effect_logits"]


def _interval(axes, row: dict, height: float, limit: float) -> None:
    primary = row["role"] == "primary"
    colour, wide = COLOURS[row["verdict"]], 2.4 if primary else 1.3
    axes.plot([row["null_value"]] * 2, [height - 0.07, height + 0.07], color="#444444", lw=1.4, zorder=3)
    axes.plot([row["low"], row["high"]], [height] * 2, color=colour, linewidth=wide, zorder=4)
    for end, marker in ((row["low"], "<"), (row["high"], ">")):
        if abs(end) > limit:
            edge = limit if end > 0 else -limit
            axes.plot(edge, height, marker=marker, color=colour, markersize=5, zorder=5, clip_on=False)
    if abs(_tested(row)) <= limit:
        look = {"marker": "s", "markersize": 6} if primary else {"marker": "o", "markersize": 4.5}
        face = colour if primary else "white"
        axes.plot(_tested(row), height, color=colour, markerfacecolor=face, zorder=6, clip_on=False, **look)


def _heading(figure, row: dict, top: float) -> None:
    """A finding's name and claim, and its verdict above those of its contrasts."""
    style.text(figure, 0.12, top + NAME / 2, row["finding"], weight="bold", size=10)
    style.text(figure, 0.12, top + NAME + CLAIM / 2, row["claim"], color=style.MUTED)
    direction = f" {row['finding_direction']}" if row["finding_direction"] else ""
    verdict = f"{row['finding_verdict']}{direction}"
    colour = COLOURS[row["finding_verdict"]]
    style.text(figure, LABELS + PANEL + 0.15, top + NAME / 2, verdict, weight="bold", size=10, color=colour)


def _words(figure, row: dict, top: float) -> None:
    """What is compared, left of the axis, and right of it the numbers."""
    weight = {"weight": "bold"} if row["role"] == "primary" else {}
    right = LABELS + PANEL + 0.15
    if _axis(row) == RUNS:
        label = f"{row['n']} honest RL runs · {row['suite']}"
        numbers = f"{row['effect']:.1f} % ({row['low']:.1f} to {row['high']:.1f})"
    else:
        where = row["model"] if row["unit"] == "logits" else f"{row['model']}, {row['suite']}"
        label = f"{row['contrast'].removesuffix(', weaker − stronger')} · {where}"
        numbers = change(_tested(row), row["low"], row["high"], 1, 1 if row["unit"] == "points" else 2)
    style.text(figure, 0.12, top, label, **weight)
    style.text(figure, right, top, numbers, **weight)
    style.text(figure, right + SEEDS, top, f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}", **weight)
    direction = f" {row['direction']}" if row["direction"] else ""
    style.text(figure, right + VERDICT, top, f"{row['verdict']}{direction}", color=COLOURS[row["verdict"]], **weight)
