"""What the families share: the draft of a problem, the palettes and a pinned pixel font.

Pictures are 48×48 pixels. Rendering uses Pillow's integer shapes and the 5×7 glyphs below, never a system font:
a font alone can move a VLM's accuracy by tens of points (arXiv 2603.09095).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from PIL import Image, ImageDraw

SIZE = 48
PALETTES = {
    "plain": {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (230, 200, 40)},
    "shifted": {"red": (170, 60, 70), "green": (90, 200, 130), "blue": (90, 140, 235), "yellow": (245, 225, 120)},
}
COLOURS = tuple(PALETTES["plain"])
PAPER = {"plain": (245, 245, 245), "shifted": (40, 44, 60)}
LINE = {"plain": (205, 205, 205), "shifted": (75, 80, 100)}
_GLYPHS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "11110 00001 00001 01110 00001 00001 11110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "01110 10000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00001 01110",
    "10": "10010 10101 10101 10101 10101 10101 10010",
    "J": "00111 00010 00010 00010 00010 10010 01100",
    "Q": "01110 10001 10001 10001 10101 10010 01101",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "club": "00100 01110 00100 11111 11011 00100 01110",
    "spade": "00100 01110 11111 11111 01110 00100 01110",
    "heart": "01010 11111 11111 11111 01110 00100 00000",
    "diamond": "00100 01110 11111 11111 01110 00100 00000",
}


@dataclass(frozen=True)
class Draft:
    """A problem before it has a split and an id. `latent` decides what is drawn; `arguments` what is asked of it."""

    latent: dict[str, Any]
    difficulty: int
    template: str
    question: str
    answer: str
    answer_type: str
    reasoning: str
    caption: str
    text_twin: str
    arguments: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()


def canvas(
    style: str, rng: Random, paper: tuple[int, int, int] | None = None
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty picture of the style; `shifted` is dark and speckled."""
    image = Image.new("RGB", (SIZE, SIZE), paper or PAPER[style])
    draw = ImageDraw.Draw(image)
    if style == "shifted":
        for _ in range(60):
            shade = rng.randrange(50, 90)
            draw.point((rng.randrange(SIZE), rng.randrange(SIZE)), fill=(shade, shade, shade))
    return image, draw


def glyph(draw: ImageDraw.ImageDraw, name: str, x: int, y: int, fill: tuple[int, int, int], scale: int = 1) -> None:
    """Draw a 5×7 glyph with its top-left corner at (x, y)."""
    for row, bits in enumerate(_GLYPHS[name].split()):
        for column, bit in enumerate(bits):
            if bit == "1":
                left, top = x + column * scale, y + row * scale
                draw.rectangle([left, top, left + scale - 1, top + scale - 1], fill=fill)
