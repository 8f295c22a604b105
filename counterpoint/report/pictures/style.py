"""How every picture looks: one colour-blind-safe colour per method, sizes that stay legible, bytes that stay equal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

# Okabe and Ito's palette and shades near it; a method that is not listed takes one of SPARE by its name's place
METHOD_COLOURS = {
    "base": "#4d4d4d", "sft": "#0072b2", "rl": "#d55e00", "sft_then_rl": "#8a4f9e", "dft": "#0f8b8d",
    "chord": "#b5468f", "relift": "#8f6a00",
}  # fmt: skip
SPARE = ("#56b4e9", "#b8860b", "#a0522d", "#000000")
REWARD, TWIN, MUTED, GRID = "#1a1a1a", "#009e73", "#737373", "#e3e3e3"
SHIFT_COLOURS = ("#6f9bd1", "#b59a3c", "#a97fb5", "#7d8f8f")
# Verdicts on a reward: dark to light, so that they differ in grey print too; words wear the darker INK
VERDICTS = {"deceptive": "#7a1f0c", "aligned": "#3a86c8", "inconclusive": "#a3a3a3", "saturated": "#e6c651"}
INK = {"deceptive": "#7a1f0c", "aligned": "#1f5f94", "inconclusive": "#5c5c5c", "saturated": "#776100"}
SMALLEST = 9.0  # points, at the size that is saved
SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine draws the same letters
    "font.size": 9.5,
    "text.color": "#222222",
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "axes.labelcolor": "#222222",
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.borderaxespad": 0,
    "legend.columnspacing": 1.3,
    "figure.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9a9a9a",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": "#444444",
    "ytick.color": "#222222",
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def colour(method: str) -> str:
    """The colour of a method, the same in every picture."""
    return METHOD_COLOURS.get(method) or SPARE[sum(map(ord, method)) % len(SPARE)]


def blend(colour: str, amount: float) -> str:
    """The colour mixed with white, `amount` (0 to 1) of it."""
    return to_hex([1 - amount * (1 - part) for part in to_rgb(colour)])


def luminance(colour: str) -> float:
    """The relative luminance of a colour, 0 to 1 (WCAG 2.2)."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@contextmanager
def sheet(width: float, height: float, path: Path, title: str, subtitle: str) -> Iterator[Figure]:
    """A figure of `width` × `height` inches, with a bold title and a plain line below it, that is saved to `path` as a
    PNG whose bytes depend on the data alone.

    Made without pyplot, so no display is looked for and no figure stays open.
    """
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), dpi=200)
        text(figure, 0.12, 0.10, title, va="top", weight="bold", size=12)
        text(figure, 0.12, 0.34, subtitle, va="top", color=MUTED, size=9.5)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", dpi=200, metadata={"Software": None})


def text(figure: Figure, left: float, top: float, words: str, **look) -> None:
    """Words at inches from the left and the upper edge of a figure, or from the lower one where `top` is negative."""
    height = figure.get_figheight()
    look = {"size": SMALLEST, "va": "center", "parse_math": False, **look}
    figure.text(left / figure.get_figwidth(), (height * (top >= 0) - top) / height, words, **look)


def panel(figure: Figure, left: float, top: float, width: float, height: float, **look) -> Axes:
    """Axes of a size in inches, at inches from the left and the upper edge of a figure."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / up, width / across, height / up), **look)


def entry(label: str, color: str = MUTED, **look) -> Line2D:
    """An entry of a legend: a line, a mark, or both."""
    return Line2D([], [], label=label, color=color, **look)


def legend(figure: Figure, handles: list[Artist], columns: int, left: float = 0.08, low: float = 0.04, **look) -> None:
    """A legend whose lower left corner is at inches from the lower left one of the figure."""
    look = {"loc": "lower left", "handlelength": 2.0, **look}
    corner = (left / figure.get_figwidth(), low / figure.get_figheight())
    figure.legend(handles=handles, ncols=columns, bbox_to_anchor=corner, **look)


def sentence(path: Path, title: str, words: str) -> None:
    """A small picture that says why there is nothing to draw."""
    with sheet(5.2, 0.75, path, title, words):
        pass
