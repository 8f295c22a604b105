"""count: objects on a 3×3 board; count a colour, remove then count, add then count (after CLEVR-Math)."""

from __future__ import annotations

from random import Random
from typing import Any

from counterpoint.sources.families.common import COLOURS, PALETTES, Draft, canvas

NAME = "count"
SHAPES = ("circle", "square", "triangle")
OBJECTS = {1: (2, 3), 2: (4, 5), 3: (6, 7), 4: (8, 8), 5: (9, 9)}
CELL = 16
WORDINGS = {
    "remove": ("remove all {c} objects . how many are left ?", "take away every {c} object . how many remain ?"),
    "filter": ("how many {c} objects are there ?", "count the {c} objects ."),
    "add": ("add {k} {s}s . how many {s}s are there ?", "put in {k} more {s}s . count the {s}s ."),
    "keep_add": ("keep only the {c} objects , then add {k} . how many are there ?",),
}
HELD_OUT = {  # in domain, as neither pre-training nor training ever words it
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


def draft(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Draw a board and a question about it. The shifted rule composes keeping and adding, never asked in training."""
    number = rng.randint(*OBJECTS[difficulty])
    cells = sorted(rng.sample(range(9), number))
    objects = [[cell, rng.choice(COLOURS), rng.choice(SHAPES)] for cell in cells]
    colour, shape, extra = rng.choice(objects)[1], rng.choice(objects)[2], rng.randint(1, 6)
    operation = "keep_add" if shifted_rule else rng.choice(("remove", "filter", "add"))
    wording = rng.randrange(len(WORDINGS[operation]))
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
        template=f"{operation}.{wording}",
        arguments={"colour": colour, "shape": shape, "extra": extra},
        question=WORDINGS[operation][wording].format(c=colour, s=shape, k=extra),
        answer=str(result),
        answer_type="integer",
        reasoning=reasoning,
        caption=" , ".join(f"{c} {s}" for _, c, s in objects),
        text_twin="the board holds " + " ; ".join(f"one {s} in {c}" for _, c, s in objects) + " .",
        tags=(operation,),
    )


def render(latent: dict[str, Any], style: str, rng: Random):
    """The board as a 48×48 picture."""
    image, draw = canvas(style, rng)
    for cell, colour, shape in latent["objects"]:
        inset = 2 + rng.randrange(2)
        left, top = (cell % 3) * CELL + inset, (cell // 3) * CELL + inset
        right, bottom = (cell % 3 + 1) * CELL - inset - 1, (cell // 3 + 1) * CELL - inset - 1
        fill = PALETTES[style][colour]
        if shape == "circle":
            draw.ellipse([left, top, right, bottom], fill=fill)
        elif shape == "square":
            draw.rectangle([left, top, right, bottom], fill=fill)
        else:
            draw.polygon([(left, bottom), (right, bottom), ((left + right) // 2, top)], fill=fill)
    return image
