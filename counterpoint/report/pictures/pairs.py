"""sft_2k_vs_rl_20k.png: SFT on the small sample of the claims against RL on the large, by model and suite.

Drawn from the table `findings`; the seeds' own differences are those of the mart `sft_vs_rl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from counterpoint.report.numbers import signed
from counterpoint.report.pictures import style
from counterpoint.report.results import Results

TITLE = "Little SFT against much RL"
ROW = 0.34  # inches


def draw(results: Results, path: Path) -> None:
    """Draw the paired differences; a study without such a pair gets a picture that says so."""
    few, many = results.claimed
    asked = {"first": f"sft {few}", "second": f"rl {many}", "matched_on": "end", "unit": "points"}
    findings = [row for row in results.marts["findings"] if row["effect"] is not None]
    rows = [row for row in findings if all(row[column] == value for column, value in asked.items())]
    if not rows:
        style.sentence(path, TITLE, "This study has no SFT run and RL run of one model to compare.")
        return
    models = [model for model in results.models if any(row["model"] == model for row in rows)]
    suites = [suite for suite in results.suites if any(row["suite"] == suite for row in rows)]
    several = any(row["seeds"] > 1 for row in rows)
    left, panel = 0.30 + 0.078 * max(map(len, suites)), 2.75 if len(models) < 3 else 2.2
    inner = ROW * (len(suites) + 0.3)
    width = max(left + len(models) * panel + 0.25, 5.6)
    top, bottom = 1.12, 1.12 + 0.2 * several
    height = top + inner + bottom
    seeds = results.marts["seed_differences"]
    ends = [100 * row["difference"] for row in seeds] + [row[end] for row in rows for end in ("low", "high")]
    limit = min(100.0, max(10.0, 1.12 * max(map(abs, ends))))
    title = f"SFT on {few} against RL on {many}"
    with style.sheet(width, height, path, title, "paired difference in greedy accuracy, 95% intervals") as figure:
        grid = figure.subplots(1, len(models), squeeze=False, sharex=True, sharey=True)[0]
        figure.subplots_adjust(
            left=left / width, right=1 - 0.25 / width, top=1 - top / height, bottom=bottom / height, wspace=0.12
        )
        for axes, model in zip(grid, models, strict=True):
            _panel(axes, results, model, rows, suites)
            axes.set_title(model, weight="bold", color=style.METHOD_COLOURS["base"], pad=20)
            axes.set_xlabel("SFT − RL, points" if len(models) > 2 else f"accuracy of SFT {few} − RL {many}, points")
        grid[0].set_yticks(range(len(suites)), suites)
        grid[0].set_ylim(len(suites) - 0.4, -0.7)
        grid[0].set_xlim(-limit, limit)
        _legend(figure, several)


def _panel(axes, results: Results, model: str, rows: Sequence[dict], suites: Sequence[str]) -> None:
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color="#444444", linewidth=1.0, zorder=2)
    for row in rows:
        if row["model"] != model:
            continue
        height = suites.index(row["suite"]) + 0.12
        look = style.colour("sft") if row["low"] > 0 else style.MUTED
        if row["high"] < 0:
            look = style.colour("rl")
        face = "white" if results.measurable(model, row["suite"]) is False else look
        axes.plot([row["low"], row["high"]], [height] * 2, color=look, linewidth=2, zorder=4)
        seeds = [
            100 * seed["difference"] for seed in results.marts["seed_differences"]
            if (seed["model"], seed["suite"]) == (model, row["suite"])
        ]  # fmt: skip
        if len(seeds) > 1:
            axes.plot(seeds, [height + 0.26] * len(seeds), "o", markersize=2.6, color=look, alpha=0.6, zorder=3)
        mean = {"markersize": 6, "color": look, "markerfacecolor": face, "markeredgewidth": 1.5}
        axes.plot(row["effect"], height, "o", zorder=5, **mean)
        axes.annotate(
            signed(row["effect"]), (row["effect"], height), (0, 4.5), textcoords="offset points", ha="center",
            va="bottom", color=look, size=style.SMALLEST, zorder=3,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip
    look = {"transform": axes.transAxes, "va": "bottom", "size": style.SMALLEST}
    axes.text(0, 1, "← RL better", ha="left", color=style.colour("rl"), **look)
    axes.text(1, 1, "SFT better →", ha="right", color=style.colour("sft"), **look)


def _legend(figure, several: bool) -> None:
    look = {"marker": "o", "markersize": 6, "lw": 2}
    handles = [
        style.entry("interval above 0", style.colour("sft"), **look),
        style.entry("interval below 0", style.colour("rl"), **look),
        style.entry("interval holds 0", **look),
        style.entry("hollow: not measurable for the base", markerfacecolor="white", **look),
    ]
    if several:
        handles.append(style.entry("a seed", marker="o", markersize=2.6, lw=0, alpha=0.7))
    style.legend(figure, handles, 2, handlelength=1.8)
