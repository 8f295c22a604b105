"""shift_curves.png: accuracy against the severity of each kind of shift, by model; arms are lines."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from counterpoint.report import style
from counterpoint.report.foremost import claimed
from counterpoint.report.results import Group, Results, Spread, spread

TITLE = "Accuracy along each axis of shift"
AXES = ("difficulty", "rule", "noise", "style")
DASHES = (
    "solid",
    (0, (1.2, 1.4)),
    (0, (5, 1.5)),
    (0, (4, 1.2, 1, 1.2)),
    (0, (8, 1, 1, 1, 1, 1)),
)  # the largest sample first


def curve(rows: Iterable[dict]) -> list[tuple[int, Spread]]:
    """Accuracy by severity over the runs in `rows` (of the mart `shift_curve`, one axis): each run's suites of one
    severity count together."""
    asked: dict[int, dict[str, list[int]]] = {}
    for row in rows:
        counts = asked.setdefault(row["severity"], {}).setdefault(row["run_id"], [0, 0])
        counts[0] += row["correct"]
        counts[1] += row["n"]
    return [(severity, spread([correct / n for correct, n in asked[severity].values()])) for severity in sorted(asked)]


def draw(results: Results, path: Path) -> None:
    """Draw a row of panels for each model, one panel an axis; a study without an axis gets a picture that says so."""
    rows = results.marts["shift_curve"]
    known = {row["axis"] for row in rows}
    axes_names = [*(name for name in AXES if name in known), *sorted(known - set(AXES))]
    if not axes_names:
        style.said_plainly(path, TITLE, "No suite of this study has a place on an axis of shifts.")
        return
    groups = _shown(results)
    sizes = [name for name in reversed(results.sizes) if name in {group.runs[0].sample for group in groups}]
    models, several = results.models, any(len(group.runs) > 1 for group in groups)
    handles = _handles(sizes, groups, several)
    places = {name: _places(rows, name) for name in axes_names}
    panel_width, panel, gap, top = 1.62, 1.5, 0.34, 0.98
    width = max(0.62 + len(axes_names) * panel_width + 0.15, 5.6)
    under = 0.40 + 0.145 * max(len(lines) for lines in places.values())
    bottom = under + 0.22 * math.ceil(len(handles) / 3) + 0.05
    height = top + len(models) * (panel + gap) - gap + bottom
    with style.sheet(width, height, path) as figure:
        told = "means over seeds" if several else "greedy answers"
        style.heading(figure, TITLE, f"accuracy, %, against severity; {told}")
        grid = figure.subplots(len(models), len(axes_names), squeeze=False, sharey=True, sharex="col")
        figure.subplots_adjust(
            left=0.62 / width, right=1 - 0.15 / width, top=1 - top / height, bottom=bottom / height,
            hspace=gap / panel, wspace=0.12,
        )  # fmt: skip
        for line, model in enumerate(models):
            for column, name in enumerate(axes_names):
                axes = grid[line, column]
                for group in groups:
                    if group.model == model:
                        _line(axes, sizes, group, [row for row in rows if row["axis"] == name])
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
                if line == 0:
                    axes.text(
                        0.5, 1.18, name, transform=axes.transAxes, ha="center", va="bottom", weight="bold", size=10.5
                    )
                if line == len(models) - 1:
                    axes.text(
                        0.5, -0.26 / panel, "\n".join(places[name]), transform=axes.transAxes, ha="center", va="top",
                        size=style.SMALLEST, linespacing=1.15, color=style.MUTED,
                    )  # fmt: skip
            grid[line, 0].set_title(model, loc="left", weight="bold", color=style.METHOD_COLOURS["base"], pad=3)
            grid[line, 0].set_ylabel("accuracy, %")
        grid[0, 0].set_ylim(-2, 102)
        grid[0, 0].set_yticks(range(0, 101, 25))
        figure.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(0.08 / width, 0.04 / height), ncols=3, frameon=False,
            columnspacing=1.3, handlelength=2.6, borderaxespad=0,
        )  # fmt: skip


def _shown(results: Results) -> list[Group]:
    """The plain arms, on the samples of the claims alone where there are more than these."""
    groups = [group for group in results.groups if group.plain] or results.groups
    of_claims = [group for group in groups if group.method == "base" or claimed(results, group)]
    return of_claims if any(group.method != "base" for group in of_claims) else groups


def _places(rows: list[dict], axis: str) -> list[str]:
    """What the severities of an axis are, a line each."""
    if axis == "difficulty":
        return ["the problems' own"]
    suites = sorted({(row["severity"], row["suite"]) for row in rows if row["axis"] == axis})
    return [f"{severity} {suite}" for severity, suite in suites]


def _look(sizes: list[str], group: Group) -> dict:
    if group.method == "base":
        return {"color": style.colour("base"), "linestyle": "solid", "linewidth": 1.3}
    place = sizes.index(group.runs[0].sample) if group.runs[0].sample in sizes else 0
    return {"color": style.colour(group.method), "linestyle": DASHES[place % len(DASHES)], "linewidth": 1.7}


def _line(axes, sizes: list[str], group: Group, rows: list[dict]) -> None:
    ids = {run.run_id for run in group.runs}
    points = curve(row for row in rows if row["run_id"] in ids)
    if not points:
        return
    severities, look = [severity for severity, _ in points], _look(sizes, group)
    if len(group.runs) > 1:
        lows, highs = ([100 * getattr(found, side) for _, found in points] for side in ("low", "high"))
        axes.fill_between(severities, lows, highs, color=look["color"], alpha=0.13, lw=0, zorder=2)
    means = [100 * found.mean for _, found in points]
    axes.plot(severities, means, marker="o", markersize=3, zorder=3 if group.method == "base" else 4, **look)


def _handles(sizes: list[str], groups: list[Group], several: bool) -> list:
    first = {group.name: group for group in groups}
    handles: list = [
        Line2D([], [], marker="o", markersize=3.5, label=name, **_look(sizes, group)) for name, group in first.items()
    ]
    if several:
        handles.append(Patch(color=style.MUTED, alpha=0.2, lw=0, label="least to greatest seed"))
    return handles
