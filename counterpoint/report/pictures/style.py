"""How every picture looks: one colour-blind-safe colour per method, sizes that stay legible, bytes that stay equal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

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
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "xtick.labelsize": SMALLEST,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
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
def sheet(width: float, height: float, path: Path) -> Iterator[Figure]:
    """A figure of `width` × `height` inches that is saved to `path` as a PNG whose bytes depend on the data alone.

    Made without pyplot, so no display is looked for and no figure stays open.
    """
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), dpi=200)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", dpi=200, metadata={"Software": None})


def heading(figure: Figure, title: str, subtitle: str) -> None:
    """A bold title and a plain line below it, at the upper left; sizes in inches so that any height looks alike."""
    height = figure.get_figheight()
    figure.text(0.12 / figure.get_figwidth(), 1 - 0.10 / height, title, va="top", weight="bold", size=12)
    figure.text(0.12 / figure.get_figwidth(), 1 - 0.34 / height, subtitle, va="top", color=MUTED, size=9.5)


def sentence(path: Path, title: str, sentence: str) -> None:
    """A small picture that says why there is nothing to draw."""
    with sheet(5.2, 0.75, path) as figure:
        heading(figure, title, sentence)
