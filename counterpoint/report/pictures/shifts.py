"""shift_curves.png: accuracy against the severity of each kind of shift, by model; arms are lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from counterpoint.report.pictures import style
from counterpoint.report.results import ArmRuns, Results

TITLE = "Accuracy along each axis of shift"
AXES = ("difficulty", "rule", "noise", "style")
# the largest sample first
DASHES = ("solid", (0, (1.2, 1.4)), (0, (5, 1.5)), (0, (4, 1.2, 1, 1.2)), (0, (8, 1, 1, 1, 1, 1)))


def draw(results: Results, path: Path) -> None:
    """Draw a row of panels for each model, one panel an axis; a study without an axis gets a picture that says so."""
    rows = results.marts["shift_curve"]
    measured = {row["axis"] for row in rows}
    axes_names = [*(name for name in AXES if name in measured), *sorted(measured - set(AXES))]
    if not axes_names:
        style.sentence(path, TITLE, "No suite of this study has a place on an axis of shifts.")
        return
    arms = _shown(results)
    sizes = [name for name in reversed(results.sizes) if name in {arm.sample for arm in arms}]
    models, several = results.models, any(len(arm.runs) > 1 for arm in arms)
    handles = _handles(sizes, arms, several)
    places = {name: _places(rows, name) for name in axes_names}
    panel_width, panel, gap, top = 1.62, 1.5, 0.34, 0.98
    width = max(0.62 + len(axes_names) * panel_width + 0.15, 5.6)
    under = 0.40 + 0.145 * max(len(lines) for lines in places.values())
    bottom = under + 0.22 * math.ceil(len(handles) / 3) + 0.05
    height = top + len(models) * (panel + gap) - gap + bottom
    what = "means over seeds" if several else "greedy answers"
    with style.sheet(width, height, path, TITLE, f"accuracy, %, against severity; {what}") as figure:
        grid = figure.subplots(len(models), len(axes_names), squeeze=False, sharey=True, sharex="col")
        figure.subplots_adjust(
            left=0.62 / width, right=1 - 0.15 / width, top=1 - top / height, bottom=bottom / height,
            hspace=gap / panel, wspace=0.12,
        )  # fmt: skip
        for line, model in enumerate(models):
            for column, name in enumerate(axes_names):
                axes = grid[line, column]
                for arm in arms:
                    if arm.model == model:
                        _line(axes, sizes, arm, [row for row in results.marts["shift_means"] if row["axis"] == name])
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
        style.legend(figure, handles, 3, handlelength=2.6)


def _shown(results: Results) -> list[ArmRuns]:
    """The plain arms, on the samples of the claims alone where there are more than these."""
    arms = [arm for arm in results.arms if arm.plain] or results.arms
    of_claims = [arm for arm in arms if arm.method == "base" or results.on_claimed_sample(arm)]
    return of_claims if any(arm.method != "base" for arm in of_claims) else arms


def _places(rows: list[dict], axis: str) -> list[str]:
    """What the severities of an axis are, a line each."""
    if axis == "difficulty":
        return ["the problems' own"]
    suites = sorted({(row["severity"], row["suite"]) for row in rows if row["axis"] == axis})
    return [f"{severity} {suite}" for severity, suite in suites]


def _look(sizes: list[str], arm: ArmRuns) -> dict:
    if arm.method == "base":
        return {"color": style.colour("base"), "linestyle": "solid", "linewidth": 1.3}
    rank = sizes.index(arm.sample) if arm.sample in sizes else 0
    return {"color": style.colour(arm.method), "linestyle": DASHES[rank % len(DASHES)], "linewidth": 1.7}


def _line(axes, sizes: list[str], arm: ArmRuns, rows: Sequence[dict]) -> None:
    """The mean over the seeds of an arm, with a band from the least to the greatest seed."""
    rows = [row for row in rows if (row["model"], row["arm"], row["sample"]) == (arm.model, arm.arm, arm.sample)]
    look = _look(sizes, arm)
    severities = [row["severity"] for row in rows]
    if len(arm.runs) > 1:
        bounds = ([100 * row["least"] for row in rows], [100 * row["greatest"] for row in rows])
        axes.fill_between(severities, *bounds, color=look["color"], alpha=0.13, lw=0, zorder=2)
    means = [100 * row["accuracy"] for row in rows]
    axes.plot(severities, means, marker="o", markersize=3, zorder=3 if arm.method == "base" else 4, **look)


def _handles(sizes: list[str], arms: list[ArmRuns], several: bool) -> list:
    first = {arm.name: arm for arm in arms}
    handles: list = [style.entry(name, marker="o", markersize=3.5, **_look(sizes, arm)) for name, arm in first.items()]
    if several:
        handles.append(Patch(color=style.MUTED, alpha=0.2, lw=0, label="least to greatest seed"))
    return handles
