"""rewards.png: every run that earns a reward, from where reward and accuracy began to where they ended, by verdict and
mechanism; beside it how many runs of each arm got which verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase

from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from counterpoint.report import style
from counterpoint.report.results import Group, Results
from counterpoint.report.rewarded import LAST, Rewarded, by_group
from counterpoint.report.words import name

TITLE = "Does the reward tell the truth?"
MARKS = {
    "none": "o", "unknown": "o", "format": "s", "verifier": "D", "memorisation": "^", "over_specialisation": "v",
    "decoding": "P", "length": "X",
}  # fmt: skip
SIZES = {"o": 8, "s": 7.5, "D": 7.5, "^": 9, "v": 9, "P": 10.5, "X": 10.5}
LEFT, SIDE, TOP, BOTTOM, HEADS = 0.62, 4.7, 0.78, 0.55, 1.0  # inches
ROW, COUNT, LETTER, FOUND = 0.235, 0.4, 0.3, 0.85
REACH, NEAR = 0.15, 0.11  # inches: from a mark to its letter; nearer than this they touch


def draw(results: Results, path: Path) -> None:
    """Draw the sheet; a study without such a run gets a picture that says so."""
    groups = by_group(results)
    if not groups:
        style.said_plainly(path, TITLE, "This study has no RL run with probes.")
        return
    labels = names([group for group, _ in groups])
    exploitable = any(one.exploitable for _, runs in groups for one in runs)
    texts = max(0.6, 0.068 * max(map(len, labels)) + 0.1)
    strip = LETTER + texts + COUNT * len(style.VERDICTS) + (FOUND if exploitable else 0)
    handles = _handles([one for _, runs in groups for one in runs])
    columns = 3
    legend = 0.12 + 0.2 * math.ceil(len(handles) / columns)
    width = LEFT + SIDE + 0.35 + strip + 0.12
    height = max(TOP + SIDE * 0.9 + BOTTOM + legend, TOP + HEADS + ROW * (len(groups) + 1) + 0.3)
    with style.sheet(width, height, path) as figure:
        told = f"each run from its first probe to the mean of its last {LAST}; letters: the arms beside"
        style.heading(figure, TITLE, told)
        low = (BOTTOM + legend) / height
        axes = figure.add_axes((LEFT / width, low, SIDE / width, 1 - TOP / height - low))
        _runs(axes, groups, (SIDE, height - TOP - BOTTOM - legend))
        across = LEFT + SIDE + 0.35
        table = figure.add_axes((across / width, 0, strip / width, 1 - TOP / height))
        _strip(table, groups, labels, (strip, height - TOP), texts, exploitable)
        figure.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(LEFT / width, 0.04 / height), ncols=columns,
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


def letter(place: int) -> str:
    """a to z, then aa, ab, …"""
    more, last = divmod(place, len(ascii_lowercase))
    return (letter(more - 1) if more else "") + ascii_lowercase[last]


def _runs(axes, groups: list[tuple[Group, list[Rewarded]]], size: tuple[float, float]) -> None:
    drawn = [
        (one, letter(place), ends)
        for place, (_, runs) in enumerate(groups)
        for one in runs
        if (ends := one.ends()) is not None
    ]
    axes.set_xlabel("training reward")
    axes.set_ylabel(f"held-out accuracy, {groups[0][1][0].main}, %")
    if not drawn:
        return
    x = [end[0] for *_, ends in drawn for end in ends]
    y = [100 * end[1] for *_, ends in drawn for end in ends]
    for values, limit in ((x, axes.set_xlim), (y, axes.set_ylim)):
        pad = 0.07 * max(max(values) - min(values), 1e-3 * max(1.0, *map(abs, values)))
        limit(min(values) - pad, max(values) + pad)
    for one, _, (start, end) in drawn:
        ink = style.INK[one.row["verdict"]]
        arrow = {"arrowstyle": "-|>", "color": ink, "lw": 0.8, "alpha": 0.55, "shrinkA": 0, "shrinkB": 4}
        axes.annotate("", (end[0], 100 * end[1]), (start[0], 100 * start[1]), arrowprops=arrow, zorder=3)
        axes.plot(end[0], 100 * end[1], zorder=5, **_mark(one))
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    inches = [
        ((end[0] - left) / (right - left) * size[0], (100 * end[1] - low) / (high - low) * size[1])
        for *_, (_, end) in drawn
    ]
    for (_, said, _), (across, up) in zip(drawn, places(inches, size), strict=True):
        axes.text(across / size[0], up / size[1], said, transform=axes.transAxes, ha="center", va="center",
                  size=style.SMALLEST, zorder=6)  # fmt: skip


def places(marks: Sequence[tuple[float, float]], size: tuple[float, float]) -> list[tuple[float, float]]:
    """For each mark a place beside it for its letter, inside a panel of `size`, that touches fewest other things."""
    found: list[tuple[float, float]] = []
    for mark in marks:
        around = [
            (mark[0] + REACH * math.cos(turn * math.pi / 4), mark[1] + REACH * math.sin(turn * math.pi / 4))
            for turn in (1, 0, 2, 3, 4, 5, 6, 7)
        ]
        inside = [p for p in around if all(0.06 < value < most - 0.06 for value, most in zip(p, size, strict=True))]
        things = [*marks, *found]
        found.append(
            min(inside or around, key=lambda p: sum(max(0.0, 1 - math.dist(p, thing) / NEAR) for thing in things))
        )
    return found


def _mark(one: Rewarded) -> dict:
    verdict = one.row["verdict"]
    return _look(MARKS[one.row["mechanism"]], verdict, one.planted)


def _look(mark: str, verdict: str, planted: bool) -> dict:
    """Filled for an honest reward, open for a planted one."""
    colour = style.VERDICTS[verdict]
    return {
        "marker": mark, "markersize": SIZES[mark], "markerfacecolor": "white" if planted else colour,
        "markeredgecolor": colour if planted else style.INK[verdict], "markeredgewidth": 2.2 if planted else 0.8,
        "linestyle": "none",
    }  # fmt: skip


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


def _handles(runs: list[Rewarded]) -> list[Line2D]:
    verdicts = [verdict for verdict in style.VERDICTS if any(one.row["verdict"] == verdict for one in runs)]
    handles = [Line2D([], [], label=verdict, **_look("o", verdict, False)) for verdict in verdicts]
    grey = {"color": style.MUTED, "linestyle": "none"}
    seen = {one.row["mechanism"] for one in runs}
    if seen & {"none", "unknown"}:
        handles.append(Line2D([], [], marker="o", markersize=8, label="no mechanism named", **grey))
    handles += [
        Line2D([], [], marker=mark, markersize=SIZES[mark], label=name(mechanism), **grey)
        for mechanism, mark in MARKS.items()
        if mechanism in seen and mark != "o"
    ]
    if any(one.planted for one in runs):
        open_mark = {**grey, "marker": "o", "markersize": 8, "markerfacecolor": "white", "markeredgewidth": 2.2}
        handles.append(Line2D([], [], label="open: planted reward", **open_mark))
    return handles
