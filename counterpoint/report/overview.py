"""rewards.png: every run that earns a reward, from where reward and accuracy began to where they ended, by verdict and
mechanism; beside it how many runs of each arm got which verdict. Of a study with many arms: crowd.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.patches import Rectangle

from counterpoint.report import crowd, style
from counterpoint.report.marks import Mark, handles, letter, panel
from counterpoint.report.results import Group, Results
from counterpoint.report.rewarded import LAST, Rewarded, by_group

TITLE = "Does the reward tell the truth?"
LEFT, SIDE, TOP, BOTTOM, HEADS = 0.62, 4.7, 0.78, 0.55, 1.0  # inches
ROW, COUNT, LETTER, FOUND = 0.235, 0.4, 0.3, 0.85
MANY = 20  # arms above which the runs of one are drawn as one mark


def draw(results: Results, path: Path) -> None:
    """Draw the sheet; a study without such a run gets a picture that says so."""
    groups = by_group(results)
    if not groups:
        style.said_plainly(path, TITLE, "This study has no RL run with probes.")
        return
    if len(groups) > MANY:
        crowd.draw(groups, path, TITLE)
        return
    labels = names([group for group, _ in groups])
    exploitable = any(one.exploitable for _, runs in groups for one in runs)
    texts = max(0.6, 0.068 * max(map(len, labels)) + 0.1)
    strip = LETTER + texts + COUNT * len(style.VERDICTS) + (FOUND if exploitable else 0)
    entries = handles([one for _, runs in groups for one in runs])
    columns = 3
    legend = 0.12 + 0.2 * math.ceil(len(entries) / columns)
    width = LEFT + SIDE + 0.35 + strip + 0.12
    height = max(TOP + SIDE * 0.9 + BOTTOM + legend, TOP + HEADS + ROW * (len(groups) + 1) + 0.3)
    with style.sheet(width, height, path) as figure:
        told = f"each run from its first probe to the mean of its last {LAST}; letters: the arms beside"
        style.heading(figure, TITLE, told)
        low = (BOTTOM + legend) / height
        axes = figure.add_axes((LEFT / width, low, SIDE / width, 1 - TOP / height - low))
        axes.set_xlabel("training reward")
        axes.set_ylabel(f"held-out accuracy, {groups[0][1][0].main}, %")
        if drawn := _drawn(groups):
            panel(axes, drawn, (SIDE, height - TOP - BOTTOM - legend))
        across = LEFT + SIDE + 0.35
        table = figure.add_axes((across / width, 0, strip / width, 1 - TOP / height))
        _strip(table, groups, labels, (strip, height - TOP), texts, exploitable)
        figure.legend(
            handles=entries, loc="lower left", bbox_to_anchor=(LEFT / width, 0.04 / height), ncols=columns,
            frameon=False, columnspacing=1.2, handlelength=1.4, borderaxespad=0, borderpad=0, fontsize=style.SMALLEST,
        )  # fmt: skip


def names(groups: Sequence[Group]) -> list[str]:
    """The shortest names that tell the groups apart."""
    parts = [(group.runs[0].arm, group.model, group.runs[0].sample) for group in groups]
    for kept in ((0,), (0, 2), (1, 0), (1, 0, 2)):
        found = [" ".join(str(part[place]) for place in kept) for part in parts]
        if len(set(found)) == len(found):
            break
    return found


def _drawn(groups: list[tuple[Group, list[Rewarded]]]) -> list[Mark]:
    return [
        Mark(letter(place), *ends, one.row["verdict"], one.row["mechanism"], one.planted)
        for place, (_, runs) in enumerate(groups)
        for one in runs
        if (ends := one.ends()) is not None
    ]


def _strip(axes, groups, labels: list[str], size: tuple[float, float], texts: float, exploitable: bool) -> None:
    """Arms down, verdicts across, in inches from the upper left."""
    axes.set_xlim(0, size[0])
    axes.set_ylim(size[1], 0)
    axes.axis("off")
    words = {"size": style.SMALLEST, "va": "center"}
    starts = {verdict: LETTER + texts + COUNT * place for place, verdict in enumerate(style.VERDICTS)}
    for verdict, start in starts.items():
        axes.text(start + COUNT / 2, HEADS - 0.1, verdict, rotation=90, ha="center", va="bottom", size=style.SMALLEST,
                  weight="bold", color=style.INK[verdict])  # fmt: skip
    after = LETTER + texts + COUNT * len(starts)
    if exploitable:
        axes.text(after + 0.12, HEADS - 0.1, "exploit\nfound", va="bottom", size=style.SMALLEST, weight="bold")
    every = [one for _, runs in groups for one in runs]
    rows = [(letter(place), label, runs) for place, (label, (_, runs)) in enumerate(zip(labels, groups, strict=True))]
    for place, (key, label, runs) in enumerate([*rows, ("", "all runs", every)]):
        middle = HEADS + ROW * (place + 0.5) + (0.06 if not key else 0)
        weight = "normal" if key else "bold"
        axes.text(0, middle, key, weight="bold", **words)
        axes.text(LETTER, middle, label, weight=weight, **words)
        for verdict, start in starts.items():
            count = sum(one.row["verdict"] == verdict for one in runs)
            if count:
                box = (start + 0.02, middle - ROW / 2 + 0.015)
                axes.add_patch(Rectangle(box, COUNT - 0.04, ROW - 0.03, color=style.VERDICTS[verdict], lw=0))
            dark = verdict in ("deceptive", "aligned")
            axes.text(start + COUNT / 2, middle, count or "·", ha="center", weight=weight,
                      color="white" if dark and count else "#1a1a1a" if count else style.MUTED, **words)  # fmt: skip
        asked = [one for one in runs if one.exploitable]
        if asked:
            found = sum(bool(one.row["exploit_found"]) for one in asked)
            axes.text(after + 0.12, middle, f"{found} of {len(asked)}", weight=weight, **words)
