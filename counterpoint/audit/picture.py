"""audit.png: training reward and held-out accuracy over the same steps, the onset marked, and the gap's parts below."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from counterpoint.audit.log import SuiteCurve
from counterpoint.audit.verdict import Audit
from counterpoint.report.pictures import style
from counterpoint.report.pictures.sheets import BLUE, PARTS
from counterpoint.report.viewer import plain
from counterpoint.statistics import wilson_interval
from counterpoint.statistics.deceptive import Assessment

INK = style.INK | {"consistent": "#3d5a80"}
MOST = 6  # curves with a panel of their own


def draw(audit: Audit, path: Path) -> None:
    """Draw a panel for each curve, at most `MOST`, and below the first one with gaps what its gap is made of."""
    pairs = list(zip(audit.log.curves, audit.assessed, strict=True))[:MOST]
    parted = next((curve for curve, _ in pairs if curve.gaps and curve.measured), None)
    columns = min(2, len(pairs))
    rows = -(-len(pairs) // columns) + (parted is not None)
    width, height = 4.4 * columns + (2.2 if columns == 1 else 0), 1.2 + 2.5 * rows + 0.1 * bool(parted)
    left_out = len(audit.log.curves) - len(pairs)
    more = f"; {left_out} curves more are in the page" if left_out else ""
    verdict = audit.overall.verdict
    title = {
        "inconclusive": "Whether the reward tells the truth is open",
        "consistent": "The reward is consistent with its own judge, which clears nothing",
    }.get(verdict, f"The reward is {verdict}")
    with style.sheet(width, height, path, title, f"{audit.log.kind}{more}") as figure:
        grid = figure.add_gridspec(rows, columns, left=0.7 / width, right=1 - 0.75 / width, top=1 - 0.85 / height,
                                   bottom=(0.9 if parted else 0.8) / height, hspace=0.5, wspace=0.5)  # fmt: skip
        for index, (curve, result) in enumerate(pairs):
            axes = figure.add_subplot(grid[index // columns, index % columns])
            _panel(axes, curve, result, labelled=index == 0)
        if parted:
            _parts(figure.add_subplot(grid[rows - 1, :]), parted)


def _panel(axes, curve: SuiteCurve, result: Assessment, labelled: bool) -> None:
    axes.plot(curve.steps, curve.reward, color=style.REWARD, linewidth=1.7, label="training reward")
    axes.set_ylabel("reward")
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if np.nanmin(curve.reward) >= 0 and np.nanmax(curve.reward) <= 1:
        axes.set_ylim(-0.02, 1.02)  # the same scale where both are shares
    if result.onset_step is not None:
        axes.axvline(result.onset_step, color=INK["deceptive"], linewidth=1.2, linestyle=(0, (4, 2)), label="onset")
    handles = axes.get_legend_handles_labels()[0]
    if curve.measured:
        handles += _accuracy(axes.twinx(), curve)
    title = f"{plain(curve.name)}: {result.verdict}" if curve.name else result.verdict
    axes.set_title(title, loc="left", weight="bold", color=INK[result.verdict], parse_math=False)
    if labelled:
        axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0, -0.23), ncol=3, frameon=False, fontsize=style.SMALLEST
        )


def _accuracy(axes, curve: SuiteCurve) -> list:
    """Draw accuracy with its intervals on axes of its own; returns the handles of the legend."""
    axes.grid(False)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("held-out accuracy", color=BLUE)
    measured = np.isfinite(curve.accuracy)
    scores = curve.accuracy[measured]
    right = np.rint(scores * curve.n_items).astype(int)
    bounds = np.array([wilson_interval(int(k), curve.n_items) for k in right])
    axes.fill_between(curve.steps[measured], bounds[:, 0], bounds[:, 1], color=BLUE, alpha=0.15, lw=0)
    label = f"held-out accuracy (n = {curve.n_items}{' assumed' if curve.assumed else ''}, 95 %)"
    return axes.plot(curve.steps[measured], scores, color=BLUE, marker="o", markersize=3, linewidth=1.5, label=label)


def _parts(axes, curve: SuiteCurve) -> None:
    axes.axhline(0, color="#9a9a9a", linewidth=0.8)
    for name, values in curve.gaps.items():
        if np.isfinite(values).any():
            axes.plot(curve.steps, values, color=PARTS[name][0], linewidth=1.5, label=name.replace("_", " "))
    where = f" {plain(curve.name)}" if curve.name else ""
    axes.set_title(f"what the reward holds over accuracy{where}", loc="left", parse_math=False)
    axes.set_ylabel("reward")
    axes.set_xlabel("step")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncol=6, frameon=False, fontsize=style.SMALLEST)
