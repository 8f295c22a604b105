"""count: objects on a 3×3 board; count a colour, remove then count, add then count (after CLEVR-Math)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from counterpoint.sources.families.common import COLOURS, PALETTES, Draft, Family, Reader, canvas, mentioned, worded

SHAPES = ("circle", "square", "triangle")
OBJECTS = {1: (2, 3), 2: (4, 5), 3: (6, 7), 4: (8, 8), 5: (9, 9)}
SIDE, CELL = 3, 16  # cells a side of the board; pixels a side of a cell
WORDINGS = {
    "remove": (
        "remove all {colour} objects . how many are left ?",
        "take away every {colour} object . how many remain ?",
    ),
    "filter": ("how many {colour} objects are there ?", "count the {colour} objects ."),
    "add": (
        "add {extra} {shape}s . how many {shape}s are there ?",
        "put in {extra} more {shape}s . count the {shape}s .",
    ),
    "keep_add": ("keep only the {colour} objects , then add {extra} . how many are there ?",),
}
HELD_OUT = {
    "remove": (
        "remove every {colour} object . how many remain ?",
        "take away all {colour} objects . how many are left ?",
    ),
    "filter": ("how many objects are {colour} ?", "count all {colour} objects ."),
    "add": (
        "add {extra} more {shape}s . how many {shape}s are there ?",
        "put in {extra} {shape}s . how many {shape}s are there ?",
    ),
}
# operation -> what of an object is asked about (its colour or its shape), and whether those count that have it
COUNTED = {"remove": (1, False), "filter": (1, True), "add": (2, True), "keep_add": (1, True)}


def draft(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Draw a board and a question about it. The shifted rule composes keeping and adding, never asked in training."""
    number = rng.randint(*OBJECTS[difficulty])
    cells = sorted(rng.sample(range(SIDE * SIDE), number))
    objects = [[cell, rng.choice(COLOURS), rng.choice(SHAPES)] for cell in cells]
    colour, shape, extra = rng.choice(objects)[1], rng.choice(objects)[2], rng.randint(1, 6)
    arguments = {"colour": colour, "shape": shape, "extra": extra}
    operation = "keep_add" if shifted_rule else rng.choice(("remove", "filter", "add"))
    coloured = sum(o[1] == colour for o in objects)
    shaped = sum(o[2] == shape for o in objects)
    if operation == "remove":
        result = number - coloured
        reasoning = f"{number} in all , {coloured} {colour} . {number} - {coloured} = {result} ."
    elif operation == "filter":
        result = coloured
        reasoning = f"{number} in all , {coloured} {colour} ."
    elif operation == "add":
        result = shaped + extra
        reasoning = f"{number} in all , {shaped} {shape} . {shaped} + {extra} = {result} ."
    else:
        result = coloured + extra
        reasoning = f"{number} in all , {coloured} {colour} . {coloured} + {extra} = {result} ."
    return Draft(
        latent={"objects": objects},
        difficulty=difficulty,
        arguments=arguments,
        answer=str(result),
        answer_type="integer",
        reasoning=reasoning,
        caption=" , ".join(f"{c} {s}" for _, c, s in objects),
        text_twin="the board holds " + " ; ".join(f"one {s} in {c}" for _, c, s in objects) + " .",
        **worded(WORDINGS, operation, rng, arguments),
    )


def render(latent: dict[str, Any], style: str, rng: Random):
    """The board as a 48×48 picture."""
    image, draw = canvas(style, rng)
    for cell, colour, shape in latent["objects"]:
        inset = 2 + rng.randrange(2)
        left, top = (cell % SIDE) * CELL + inset, (cell // SIDE) * CELL + inset
        right, bottom = (cell % SIDE + 1) * CELL - inset - 1, (cell // SIDE + 1) * CELL - inset - 1
        fill = PALETTES[style][colour]
        if shape == "circle":
            draw.ellipse([left, top, right, bottom], fill=fill)
        elif shape == "square":
            draw.rectangle([left, top, right, bottom], fill=fill)
        else:
            draw.polygon([(left, bottom), (right, bottom), ((left + right) // 2, top)], fill=fill)
    return image


class CountReader(Reader):
    """Reads "7 in all , 3 red" as perceived and "7 - 3 = 4" as computed."""

    FACT = re.compile(rf"(?P<number>\d{{1,9}}) (?P<name>in all(?!s)|{'|'.join((*COLOURS, *SHAPES))})s?", re.ASCII)

    def __init__(self, latent: dict[str, Any], operation: str, question: str):
        super().__init__(mentioned(question, (*COLOURS, *SHAPES)))
        objects = latent["objects"]
        self.counts = Counter([o[1] for o in objects] + [o[2] for o in objects] + ["in all"] * len(objects))

    def agrees(self, stated: Sequence[tuple[str, int]]) -> bool:
        """Whether all numbers stated are those of the board."""
        return all(self.counts[name] == number for name, number in stated)


def foreign(latent: dict[str, Any], operation: str, question: str) -> tuple[str, str]:
    """A running count, row by row: "count from 2 . row 1 holds 1 circle , so 3 ."

    What is added comes first; after a removal the objects left are counted, not the others.
    """
    attribute, having = COUNTED[operation]
    name = mentioned(question, COLOURS if attribute == 1 else SHAPES)[0]
    total = next((int(word) for word in question.split() if word.isdecimal()), 0)
    steps = [f"count from {total}"]
    for row in range(SIDE):
        number = sum(o[0] // SIDE == row and (o[attribute] == name) == having for o in latent["objects"])
        total += number
        steps.append(f"row {row + 1} holds {number} {name if having else 'left'} , so {total}")
    return " . ".join(steps) + " .", str(total)


FAMILY = Family("count", WORDINGS, HELD_OUT, draft, render, CountReader, foreign)
