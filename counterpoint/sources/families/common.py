"""What a family is, and what families share: drafts, palettes, a pinned pixel font, and the reading of simple steps.

Pictures are 48×48 pixels. Rendering uses Pillow's integer shapes and the 5×7 glyphs below, never a system font:
a font alone can move a VLM's accuracy by tens of points (arXiv 2603.09095).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from counterpoint.problem import Problem

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
# what `reader` and `foreign` raise at a latent state of another form: a user's data may have a family called `chart`
UNKNOWN_STATE = (ValueError, TypeError, LookupError, AttributeError, StopIteration, RecursionError)


@dataclass(frozen=True)
class Draft:
    """A problem before it has a split and an id.

    latent: decides what is drawn. arguments: what is asked of it, as far as the latent state does not say it; part of
    the problem's id. filled: what fills the placeholders of the family's wordings.
    """

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
    filled: Mapping[str, object] = field(default_factory=dict)
    options: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()


class Reader:
    """Reads the reasoning steps of one trace in their order and remembers what they said.

    Steps of this class state numbers of things ("3 red") and compute sums ("3 + 2 = 5"); families override the rest.
    """

    FACT: re.Pattern  # one clause of a step of perception (commas part them), with the groups `name` and `number`
    # ASCII digits only, and few: int() of thousands of digits is slow and then an error
    SUM = re.compile(r"(\d{1,9}) ?([+-]) ?(\d{1,9}) ?= ?(-? ?\d{1,10})", re.ASCII)

    def __init__(self, asked: Iterable[str] = ()):
        """`asked`: the names of the things that the question is about."""
        self.asked = set(asked)
        self.stated: dict[str, int] = {}  # the last number stated of each thing; the thing stated last comes last
        self.results: list[int] = []

    def perceive(self, text: str) -> bool | None:
        """Whether a step of perception, in lower case, agrees with the latent state; None if it is no such step."""
        matches = [self.FACT.fullmatch(clause.strip()) for clause in text.split(",")]
        if None in matches:
            return None
        stated = [(match["name"], int(match["number"])) for match in matches]
        for name, number in stated:
            self.stated.pop(name, None)
            self.stated[name] = number
        return self.agrees(stated)

    def agrees(self, stated: Sequence[tuple[str, int]]) -> bool:
        """Whether what a step of perception states, things and their numbers, is what is drawn."""
        raise NotImplementedError

    def compute(self, text: str) -> bool | None:
        """Whether `a + b = c` or `a - b = c` holds; None if the step is neither."""
        match = self.SUM.fullmatch(text)
        if match is None:
            return None
        first, second, result = int(match[1]), int(match[3]), int(match[4].replace(" ", ""))
        self.results.append(result)
        return (first + second if match[2] == "+" else first - second) == result

    def conclusion(self) -> set[str] | None:
        """The answers that the steps lead to: the last result, else the number stated of what is asked, else the last
        one stated. None if they lead to nothing."""
        if self.results:
            return {str(self.results[-1])}
        numbers = [number for name, number in self.stated.items() if name in self.asked] or list(self.stated.values())
        return {str(numbers[-1])} if numbers else None


@dataclass(frozen=True)
class Family:
    """One family of problems, as the registry in `__init__.py` holds it.

    wordings: by operation, the questions of training.
    held_out: by operation of training, questions in words that training never uses.
    draft: (generator, difficulty from 1 to 5, whether the rule is the shifted one) -> Draft.
    render: (latent state, style of `PALETTES`, generator) -> a 48×48 Pillow image.
    reader: (latent state, operation, question) -> what checks a trace step by step.
    foreign: of the same, reasoning and answer in another, equally correct style: in sentences that are neither captions
    nor twins, for training on those would teach the twin. This and `reader` may raise `UNKNOWN_STATE`.
    reach: as `draft`, but asks for an expression (`problems.expressions`).
    names: what steps may name falsely beside numbers, where traces are made noisy.
    """

    name: str
    wordings: Mapping[str, tuple[str, ...]]
    held_out: Mapping[str, tuple[str, ...]]
    draft: Callable[[Random, int, bool], Draft]
    render: Callable[[dict[str, Any], str, Random], Image.Image]
    reader: Callable[[dict[str, Any], str, str], Reader] | None = None
    foreign: Callable[[dict[str, Any], str, str], tuple[str, str]] | None = None
    reach: Callable[[Random, int, bool], Draft] | None = None
    names: tuple[str, ...] = ()

    @staticmethod
    def asked(problem: Problem) -> tuple[dict[str, Any], str, str]:
        """What `reader` and `foreign` take of a problem of the family: latent state, operation, question."""
        return json.loads(problem.latent), problem.template_id.split(".")[1], problem.question


def worded(
    wordings: Mapping[str, tuple[str, ...]], operation: str, rng: Random, filled: Mapping[str, object]
) -> dict[str, Any]:
    """The fields of a draft that ask for an operation, in one of its wordings."""
    index = rng.randrange(len(wordings[operation]))
    question = wordings[operation][index].format(**filled)
    return {"template": f"{operation}.{index}", "question": question, "filled": filled, "tags": (operation,)}


def mentioned(text: str, names: Iterable[str]) -> list[str]:
    """The names that occur in a text as words, in their order there; a plural `s` is dropped."""
    return re.findall(rf"\b({'|'.join(names)})s?\b", text)


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


def glyph(draw: ImageDraw.ImageDraw, name: str, x: int, y: int, fill: tuple[int, int, int]) -> None:
    """Draw a 5×7 glyph with its top-left corner at (x, y)."""
    for row, bits in enumerate(_GLYPHS[name].split()):
        for column, bit in enumerate(bits):
            if bit == "1":
                draw.point((x + column, y + row), fill=fill)
