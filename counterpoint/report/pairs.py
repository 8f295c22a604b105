"""sft_2k_vs_rl_20k.png: SFT on the smallest sample against RL on the largest, the same problems, by model and suite."""

from __future__ import annotations

from pathlib import Path

from matplotlib.lines import Line2D

from counterpoint.report import style
from counterpoint.report.read import Pair, Results

TITLE = "Little SFT against much RL"
ROW = 0.36  # inches


def draw(results: Results, path: Path) -> None:
    """Draw the paired differences; a study without such a pair gets a picture that says so."""
    pairs = results.compared()
    if not pairs:
        style.said_plainly(path, TITLE, "This study has no SFT run and RL run of one model to compare.")
        return
    models = [model for model in results.models if any(pair.model == model for pair in pairs)]
    suites = [suite for suite in results.suites if any(pair.suite == suite for pair in pairs)]
    few, many = pairs[0].first.sample, pairs[0].second.sample
    title = f"SFT on {few} against RL on {many}"
    seeds = len({pair.first.seed for pair in pairs})
    left, panel = 0.30 + 0.078 * max(map(len, suites)), 2.75
    inner = ROW * (len(suites) + 0.3) * (1 + 0.2 * (seeds - 1))
    width = max(left + len(models) * panel + 0.25, 5.6)
    top, bottom = 1.12, 1.12
    height = top + inner + bottom
    reach = 100 * max(max(abs(pair.low), abs(pair.high)) for pair in pairs)
    limit = min(100.0, max(10.0, reach * 1.12))
    with style.sheet(width, height, path) as figure:
        style.heading(figure, title, "paired difference in greedy accuracy, points, with 95% intervals")
        grid = figure.subplots(1, len(models), squeeze=False, sharex=True, sharey=True)[0]
        figure.subplots_adjust(
            left=left / width, right=1 - 0.25 / width, top=1 - top / height, bottom=bottom / height, wspace=0.12
        )
        for axes, model in zip(grid, models, strict=True):
            _panel(axes, results, [pair for pair in pairs if pair.model == model], suites)
            axes.set_title(model, weight="bold", color=style.METHOD_COLOURS["base"], pad=20)
            axes.set_xlabel(f"accuracy of SFT {few} − RL {many}, points")
        grid[0].set_yticks(range(len(suites)), suites)
        grid[0].set_ylim(len(suites) - 0.4, -0.7)
        grid[0].set_xlim(-limit, limit)
        _legend(figure)


def _look(pair: Pair) -> str:
    return {1: style.colour("sft"), -1: style.colour("rl"), 0: style.MUTED}[pair.sign]


def _panel(axes, results: Results, pairs: list[Pair], suites: list[str]) -> None:
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color="#444444", linewidth=1.0, zorder=2)
    for place, suite in enumerate(suites):
        here = [pair for pair in pairs if pair.suite == suite]
        for order, pair in enumerate(here):
            height = place + 0.1 + (0.72 / len(here)) * (order - (len(here) - 1) / 2)
            look, doubtful = _look(pair), results.measurable(pair.model, suite) is False
            axes.plot([100 * pair.low, 100 * pair.high], [height] * 2, color=look, linewidth=2, zorder=4)
            axes.plot(
                100 * pair.difference, height, marker="o", markersize=6, color=look, zorder=5,
                markerfacecolor="white" if doubtful else look, markeredgewidth=1.5,
            )  # fmt: skip
            if len(here) == 1:
                axes.annotate(
                    f"{100 * pair.difference:+.1f}".replace("-", "−"), (100 * pair.difference, height), (0, 5),
                    textcoords="offset points", ha="center", va="bottom", color=look, size=style.SMALLEST,
                    bbox={"boxstyle": "square,pad=0.08", "facecolor": "white", "edgecolor": "none"}, zorder=3,
                )  # fmt: skip
    for side, text, method in ((0.0, "← RL better", "rl"), (1.0, "SFT better →", "sft")):
        axes.text(
            side, 1.02, text, transform=axes.transAxes, ha="left" if side == 0 else "right", va="bottom",
            size=style.SMALLEST, color=style.colour(method),
        )  # fmt: skip


def _legend(figure) -> None:
    def entry(look: str, text: str, face: str | None = None) -> Line2D:
        return Line2D([], [], color=look, marker="o", markersize=6, lw=2, markerfacecolor=face or look, label=text)

    handles = [
        entry(style.colour("sft"), "interval above 0"),
        entry(style.colour("rl"), "interval below 0"),
        entry(style.MUTED, "interval holds 0"),
        entry(style.MUTED, "hollow: not measurable for the base", "white"),
    ]
    width, height = figure.get_figwidth(), figure.get_figheight()
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.08 / width, 0.04 / height), ncols=2, frameon=False,
        columnspacing=1.4, handlelength=1.8, borderaxespad=0,
    )  # fmt: skip
