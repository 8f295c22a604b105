"""sft_2k_vs_rl_20k.png: SFT on the smallest sample against RL on the largest, the same problems, by model and suite."""

from __future__ import annotations

from pathlib import Path

from matplotlib.lines import Line2D

from counterpoint.report import style
from counterpoint.report.contests import Contest, contests
from counterpoint.report.markdown import signed
from counterpoint.report.results import Results

TITLE = "Little SFT against much RL"
ROW = 0.34  # inches


def draw(results: Results, path: Path) -> None:
    """Draw the paired differences over the seeds; a study without such a pair gets a picture that says so."""
    found = contests(results, results.compared())
    if not found:
        style.said_plainly(path, TITLE, "This study has no SFT run and RL run of one model to compare.")
        return
    models = [model for model in results.models if any(contest.model == model for contest in found)]
    suites = [suite for suite in results.suites if any(contest.suite == suite for contest in found)]
    few, many = (getattr(found[0].pairs[0], side).sample for side in ("first", "second"))
    several = any(len(contest.pairs) > 1 for contest in found)
    left, panel = 0.30 + 0.078 * max(map(len, suites)), 2.75 if len(models) < 3 else 2.2
    inner = ROW * (len(suites) + 0.3)
    width = max(left + len(models) * panel + 0.25, 5.6)
    top, bottom = 1.12, 1.12 + 0.2 * several
    height = top + inner + bottom
    limit = min(100.0, max(10.0, 1.12 * max(map(_reach, found))))
    with style.sheet(width, height, path) as figure:
        told = "paired difference in greedy accuracy, with 95% intervals"
        if several:
            pooled = any(contest.low is not None for contest in found)
            told = f"paired difference, {'95% intervals over seeds and problems' if pooled else 'mean over seeds'}"
        style.heading(figure, f"SFT on {few} against RL on {many}", told)
        grid = figure.subplots(1, len(models), squeeze=False, sharex=True, sharey=True)[0]
        figure.subplots_adjust(
            left=left / width, right=1 - 0.25 / width, top=1 - top / height, bottom=bottom / height, wspace=0.12
        )
        for axes, model in zip(grid, models, strict=True):
            _panel(axes, results, [contest for contest in found if contest.model == model], suites)
            axes.set_title(model, weight="bold", color=style.METHOD_COLOURS["base"], pad=20)
            axes.set_xlabel("SFT − RL, points" if len(models) > 2 else f"accuracy of SFT {few} − RL {many}, points")
        grid[0].set_yticks(range(len(suites)), suites)
        grid[0].set_ylim(len(suites) - 0.4, -0.7)
        grid[0].set_xlim(-limit, limit)
        _legend(figure, several)


def _reach(contest: Contest) -> float:
    bounds = [] if contest.low is None else [contest.low, contest.high]
    return max(abs(value) for value in [*bounds, *(100 * pair.difference for pair in contest.pairs)])


def _panel(axes, results: Results, found: list[Contest], suites: list[str]) -> None:
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color="#444444", linewidth=1.0, zorder=2)
    for contest in found:
        height = suites.index(contest.suite) + 0.12
        look = {1: style.colour("sft"), -1: style.colour("rl"), 0: style.MUTED}[contest.sign]
        doubtful = results.measurable(contest.model, contest.suite) is False
        if contest.low is not None:
            axes.plot([contest.low, contest.high], [height] * 2, color=look, linewidth=2, zorder=4)
        if len(contest.pairs) > 1:
            seeds = [100 * pair.difference for pair in contest.pairs]
            axes.plot(
                seeds, [height + 0.26] * len(seeds), marker="o", markersize=2.6, color=look, alpha=0.6,
                linestyle="none", zorder=3,
            )  # fmt: skip
        axes.plot(
            contest.difference, height, marker="o", markersize=6, color=look, zorder=5,
            markerfacecolor="white" if doubtful else look, markeredgewidth=1.5,
        )  # fmt: skip
        axes.annotate(
            signed(contest.difference), (contest.difference, height), (0, 4.5), textcoords="offset points",
            ha="center", va="bottom", color=look, size=style.SMALLEST, zorder=3,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"},
        )  # fmt: skip
    for side, text, method in ((0.0, "← RL better", "rl"), (1.0, "SFT better →", "sft")):
        axes.text(
            side, 1.0, text, transform=axes.transAxes, ha="left" if side == 0 else "right", va="bottom",
            size=style.SMALLEST, color=style.colour(method),
        )  # fmt: skip


def _legend(figure, several: bool) -> None:
    def entry(look: str, text: str, face: str | None = None) -> Line2D:
        return Line2D([], [], color=look, marker="o", markersize=6, lw=2, markerfacecolor=face or look, label=text)

    handles = [
        entry(style.colour("sft"), "interval above 0"),
        entry(style.colour("rl"), "interval below 0"),
        entry(style.MUTED, "interval holds 0"),
        entry(style.MUTED, "hollow: not measurable for the base", "white"),
    ]
    if several:
        handles.append(Line2D([], [], color=style.MUTED, marker="o", markersize=2.6, lw=0, alpha=0.7, label="a seed"))
    width, height = figure.get_figwidth(), figure.get_figheight()
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.08 / width, 0.04 / height), ncols=2, frameon=False,
        columnspacing=1.4, handlelength=1.8, borderaxespad=0,
    )  # fmt: skip
