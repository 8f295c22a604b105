"""chart: bars on an integer grid; read, difference, sum, arg-max (after ChartQA)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from counterpoint.sources.families.common import (
    COLOURS,
    LINE,
    PALETTES,
    SIZE,
    Draft,
    Family,
    Reader,
    canvas,
    mentioned,
    worded,
)

UNIT = 5  # pixels
BARS = {1: 3, 2: 3, 3: 3, 4: 4, 5: 4}
TALLEST = {1: 5, 2: 7, 3: 9, 4: 7, 5: 9}
WORDINGS = {
    "read": ("how tall is the {first} bar ?", "what is the value of {first} ?"),
    "difference": ("how much taller is {first} than {second} ?", "what is {first} minus {second} ?"),
    "sum": ("what is {first} plus {second} ?", "how tall are {first} and {second} together ?"),
    "argmax": ("which bar is the tallest ?", "which colour has the largest value ?"),
    "sum_plus": ("what is {first} plus {second} when {first} grows by {extra} ?",),
}
HELD_OUT = {
    "read": ("what is the value of the {first} bar ?", "how tall is {first} ?"),
    "difference": (
        "how much taller is the {first} bar than the {second} bar ?",
        "how much larger is {first} than {second} ?",
    ),
    "sum": ("how tall are the {first} and {second} bars together ?", "how much are {first} and {second} together ?"),
    "argmax": ("which colour is the tallest ?", "which bar is the largest ?"),
}
_MOST = re.compile(r"most (\d{1,9})", re.ASCII)


def draft(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Draw a chart and a question about it. The shifted rule changes a bar before the sum, never asked in training."""
    colours = rng.sample(COLOURS, BARS[difficulty])
    heights = rng.sample(range(1, TALLEST[difficulty] + 1), len(colours))
    a, b = rng.sample(range(len(colours)), 2)
    operation = "sum_plus" if shifted_rule else rng.choice(("read", "difference", "difference", "sum", "sum", "argmax"))
    if operation == "difference" and heights[a] < heights[b]:
        a, b = b, a
    extra = rng.randint(1, 5)
    first, second, high, low = colours[a], colours[b], heights[a], heights[b]
    arguments = {"first": first, "second": second, "extra": extra}
    stated = " , ".join(f"{colour} {height}" for colour, height in zip(colours, heights, strict=True))
    options = None
    if operation == "read":
        answer, reasoning = str(high), f"{first} {high} ."
    elif operation == "difference":
        answer = str(high - low)
        reasoning = f"{first} {high} , {second} {low} . {high} - {low} = {answer} ."
    elif operation == "sum":
        answer = str(high + low)
        reasoning = f"{first} {high} , {second} {low} . {high} + {low} = {answer} ."
    elif operation == "argmax":
        answer, options = colours[heights.index(max(heights))], tuple(sorted(colours))
        reasoning = f"{stated} . most {max(heights)} ."
    else:
        answer = str(high + extra + low)
        reasoning = (
            f"{first} {high} , {second} {low} . {high} + {extra} = {high + extra} . {high + extra} + {low} = {answer} ."
        )
    return Draft(
        latent={"bars": [[c, h] for c, h in zip(colours, heights, strict=True)]},
        difficulty=difficulty,
        arguments=arguments,
        answer=answer,
        answer_type="choice" if options else "integer",
        options=options,
        reasoning=reasoning,
        caption=stated,
        text_twin="the bars from left to right are "
        + " ; ".join(f"{h} units in {c}" for c, h in zip(colours, heights, strict=True))
        + " .",
        **worded(WORDINGS, operation, rng, arguments),
    )


def render(latent: dict[str, Any], style: str, rng: Random):
    """The chart as a 48×48 picture: one grid line every unit of five pixels."""
    image, draw = canvas(style, rng)
    for level in range(1, 10):
        draw.line([(0, SIZE - 1 - level * UNIT), (SIZE, SIZE - 1 - level * UNIT)], fill=LINE[style])
    width = SIZE // len(latent["bars"])
    for position, (colour, height) in enumerate(latent["bars"]):
        left = position * width + 2
        draw.rectangle([left, SIZE - 1 - height * UNIT, left + width - 5, SIZE - 1], fill=PALETTES[style][colour])
    return image


class ChartReader(Reader):
    """Reads "red 5 , blue 3" as perceived, "5 - 3 = 2" and "most 5" as computed."""

    FACT = re.compile(rf"(?P<name>{'|'.join(COLOURS)}) (?P<number>\d{{1,9}})", re.ASCII)

    def __init__(self, latent: dict[str, Any], operation: str, question: str):
        super().__init__(mentioned(question, COLOURS))
        self.bars = dict(latent["bars"])
        self.tallest = max(self.bars.values())
        self.argmax = operation == "argmax"
        self.most: int | None = None

    def agrees(self, stated: Sequence[tuple[str, int]]) -> bool:
        """Whether all heights stated are right; for `argmax` no bar may be left out."""
        whole = not self.argmax or {colour for colour, _ in stated} == set(self.bars)
        return whole and all(self.bars.get(colour) == height for colour, height in stated)

    def compute(self, text: str) -> bool | None:
        """Whether a sum is right, or "most" the largest height stated or drawn: a height misread counts once."""
        match = _MOST.fullmatch(text)
        if match is None:
            return super().compute(text)
        self.most = int(match[1])
        return self.most in (max(self.stated.values(), default=None), self.tallest)

    def conclusion(self) -> set[str] | None:
        """For `argmax` the colours of the bars stated to be as tall as the trace says the tallest is."""
        if not self.argmax or not (self.stated or self.most is not None):
            return super().conclusion()
        most = self.most if self.most is not None else max(self.stated.values())
        return {colour for colour, height in self.stated.items() if height == most}


def foreign(latent: dict[str, Any], operation: str, question: str) -> tuple[str, str]:
    """The second bar first, the other put on it: "the blue bar ends at 3 . with 5 of red on it they end at 8 ."

    The tallest bar is found by putting all of them in order.
    """
    bars = dict(latent["bars"])
    if operation == "argmax":
        rising = sorted(bars, key=bars.__getitem__)
        order = " then ".join(f"{colour} at {bars[colour]}" for colour in rising)
        return f"small to tall : {order} . the last is {rising[-1]} .", rising[-1]
    first, *others = mentioned(question, COLOURS)
    height = bars[first]
    if operation == "read":
        return f"the {first} bar ends at {height} .", str(height)
    second = others[0]
    low = bars[second]
    reasoning = f"the {second} bar ends at {low} ."
    if operation == "difference":
        return f"{reasoning} from there up to {height} of {first} it is {height - low} .", str(height - low)
    total = low + height
    reasoning = f"{reasoning} with {height} of {first} on it they end at {total} ."
    if operation == "sum":
        return reasoning, str(total)
    if operation != "sum_plus":
        raise KeyError(operation)
    grown = total + next(int(word) for word in question.split() if word.isdecimal())
    return f"{reasoning} when it grows they end at {grown} .", str(grown)


FAMILY = Family("chart", WORDINGS, HELD_OUT, draft, render, ChartReader, foreign)
