"""findings.png: a forest plot of the findings, one row a contrast with its interval, its null and its verdict.

Shows the primary contrasts (bold), each with the same at equal budgets below it, and the secondary ones on the suites
that a finding names. Left out are the rows matched on seconds, which a clock decides, so that equal studies give equal
bytes, and the other suites, which would fill pages: `python -m stages.findings --all` lists everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.lines import Line2D

from counterpoint.findings import prevalence
from counterpoint.findings.claims import CLAIMS, OTHERS
from counterpoint.report import style

TITLE = "Findings"
SUBTITLE = "effects with 95 % intervals; bold: primary contrasts, which decide; colour: verdict after Holm's correction"
COLOURS = {"supported": "#00795a", "contradicted": "#d55e00", "suggestive": "#0072b2", "inconclusive": style.MUTED}
RUNS = "runs"  # the panel of `reward_truth`, whose points are shares of runs
AXES = {
    "logits": "difference of differences, logits", "points": "difference in greedy accuracy, points",
    RUNS: "honest RL runs whose reward is deceptive, %",
}  # fmt: skip
ROW, HEAD, GAP = 0.235, 0.52, 0.16  # inches: of a row, of a finding's two lines, between findings
LABELS, PANEL, NUMBERS = 3.55, 3.6, 2.75  # inches across
TOP, BOTTOM, AXIS = 0.72, 0.46, 0.52
WIDEST = {"points": 40.0, "logits": 3.0, RUNS: 100.0}  # intervals that reach beyond end in an arrow
ORDER = ("end", "prompts", "updates", "generated_tokens")


@dataclass(frozen=True)
class Line:
    """A row of the plot at a height in inches from the top of its panel."""

    row: dict
    height: float


def shown(rows: Iterable[dict]) -> list[dict]:
    """The rows to draw, in the order of the claims: a primary contrast, the same at equal budgets, then the others."""
    named = {claim.finding: {c.suite for c in claim.contrasts if c.suite != OTHERS} for claim in CLAIMS}
    kept = [
        row for row in rows
        if row["effect"] is not None and row["matched_on"] in ORDER
        and (_scale(row) == RUNS or row["suite"] in named.get(row["finding"], ()))
    ]  # fmt: skip
    places = [claim.finding for claim in CLAIMS]
    return sorted(
        kept,
        key=lambda row: (
            places.index(row["finding"]), row["role"] == "secondary" and row["matched_on"] == "end", row["model"],
            row["contrast"], row["suite"], ORDER.index(row["matched_on"]),
        ),
    )  # fmt: skip


def _scale(row: dict) -> str:
    """The panel of a row: a key of AXES."""
    return RUNS if row["finding"] == prevalence.FINDING else row["unit"]


def draw(rows: Sequence[dict], path: Path) -> None:
    """Draw the rows of the table `findings`; a study without any comparison gets a picture that says so."""
    rows = shown(rows)
    if not rows:
        style.said_plainly(path, TITLE, "This study has no arms that the findings compare.")
        return
    panels = [(scale, *_lines([row for row in rows if _scale(row) == scale])) for scale in AXES]
    panels = [panel for panel in panels if panel[1]]
    width = LABELS + PANEL + NUMBERS
    height = TOP + sum(inner + AXIS for *_, inner in panels) + BOTTOM
    with style.sheet(width, height, path) as figure:
        style.heading(figure, TITLE, SUBTITLE)
        top = TOP
        for scale, lines, inner in panels:
            axes = figure.add_axes(
                (LABELS / width, 1 - (top + inner) / height, PANEL / width, inner / height), ylim=(inner, 0)
            )
            _panel(axes, scale, lines)
            top += inner + AXIS
        _legend(figure, {row["verdict"] for row in rows})


def _lines(rows: list[dict]) -> tuple[list[Line], float]:
    """The rows of a panel with their heights, and the height of all; a finding's first row has room for its heading."""
    lines, top, last = [], 0.0, None
    for row in rows:
        if row["finding"] != last:
            top += HEAD + (GAP if last else 0)
            last = row["finding"]
        lines.append(Line(row, top + ROW / 2))
        top += ROW
    return lines, top + GAP


def _panel(axes, scale: str, lines: list[Line]) -> None:
    limit = _limit(scale, lines)
    axes.set_xlim(-limit if scale != RUNS else -0.02 * limit, limit)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color="#444444", linewidth=0.9, zorder=2)
    axes.set_xlabel(AXES[scale])
    last = above = None
    for line in lines:
        if line.row["finding"] != last:
            last = line.row["finding"]
            _heading(axes, line)
        if line.row["matched_on"] == "end":
            above = line.row["contrast"]
        _interval(axes, line, limit)
        _words(axes, line, above)


def _limit(scale: str, lines: list[Line]) -> float:
    ends = [abs(line.row[name]) for line in lines for name in ("low", "high", "null_value")]
    return min(WIDEST[scale], 1.06 * max(ends))


def _tested(row: dict) -> float:
    return row["effect"] if row["unit"] == "points" else row["effect_logits"]


def _interval(axes, line: Line, limit: float) -> None:
    row, primary = line.row, line.row["role"] == "primary"
    colour, wide = COLOURS[row["verdict"]], 2.4 if primary else 1.3
    axes.plot([row["null_value"]] * 2, [line.height - 0.08, line.height + 0.08], color="#444444", lw=1.4, zorder=3)
    axes.plot([row["low"], row["high"]], [line.height] * 2, color=colour, linewidth=wide, zorder=4)
    for end, marker in ((row["low"], "<"), (row["high"], ">")):
        if abs(end) > limit:
            axes.plot(
                limit if end > 0 else -limit, line.height, marker=marker, color=colour, markersize=5, zorder=5,
                clip_on=False,
            )  # fmt: skip
    if abs(_tested(row)) <= limit:
        axes.plot(
            _tested(row), line.height, marker="s" if primary else "o", markersize=6.5 if primary else 4.5, color=colour,
            markerfacecolor=colour if primary else "white", zorder=6,
        )  # fmt: skip


def _heading(axes, line: Line) -> None:
    row, top = line.row, line.height - ROW / 2
    white = {"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"}
    _text(axes, -LABELS + 0.12, top - 0.27, row["finding"], weight="bold", size=10)
    _text(axes, -LABELS + 0.12, top - 0.08, f"“{row['claim']}”", bbox=white)
    verdict = f"{row['finding_verdict']}{f' {way}' if (way := row['finding_direction']) else ''}"
    _text(axes, PANEL + 0.15, top - 0.27, verdict, weight="bold", size=10, color=COLOURS[row["finding_verdict"]])


def _words(axes, line: Line, above: str | None) -> None:
    """The row's own words; below the contrast `above` a row at an equal budget says only what differs from that."""
    row, primary = line.row, line.row["role"] == "primary"
    if _scale(row) == RUNS:
        label, inset = f"{row['n']} honest RL runs · {row['suite']}", 0.12
    elif row["matched_on"] == "end":
        place = row["model"] if row["unit"] == "logits" else f"{row['model']}, {row['suite']}"
        short = row["contrast"].removesuffix(", weaker − stronger")
        label, inset = f"{short} · {place}", 0.12
    else:
        other = f", against {row['second']}" if row["contrast"] != above else ""
        label, inset = f"at equal {row['matched_on'].replace('_', ' ')}{other}", 0.4
    weight, colour = ("bold", "#111111") if primary else ("normal", style.MUTED if inset > 0.2 else "#222222")
    _text(axes, -LABELS + inset, line.height, label, weight=weight, color=colour)
    digits = 1 if row["unit"] == "points" else 2
    numbers = f"{_tested(row):+.{digits}f} ({row['low']:+.{digits}f} to {row['high']:+.{digits}f})".replace("-", "−")
    if _scale(row) == RUNS:
        numbers = f"{row['effect']:.1f} % ({row['low']:.1f} to {row['high']:.1f})"
    _text(axes, PANEL + 0.15, line.height, numbers, weight=weight, color=colour)
    seeds = f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}"
    _text(axes, PANEL + 1.88, line.height, seeds, weight=weight, color=colour)


def _text(axes, inches: float, height: float, text: str, **how) -> None:
    """Words `inches` right of the panel's left edge, at a height in the panel's own measure."""
    how = {"size": style.SMALLEST, "color": "#222222", **how}
    axes.text(inches / PANEL, height, text, transform=axes.get_yaxis_transform(), va="center", ha="left", **how)


def _legend(figure, verdicts: set[str]) -> None:
    handles = [
        Line2D([], [], color=COLOURS[name], marker="s", markersize=6, linewidth=2, label=name)
        for name in COLOURS if name in verdicts
    ]  # fmt: skip
    handles.append(Line2D([], [], color="#444444", marker="|", linestyle="none", markersize=9, label="null"))
    width, height = figure.get_figwidth(), figure.get_figheight()
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.08 / width, 0.04 / height), ncols=len(handles),
        frameon=False, columnspacing=1.4, handlelength=1.8, borderaxespad=0,
    )  # fmt: skip
