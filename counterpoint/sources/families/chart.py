"""chart: bars on an integer grid; read, difference, sum, arg-max (after ChartQA)."""

from __future__ import annotations

from random import Random
from typing import Any

from counterpoint.sources.families.common import COLOURS, LINE, PALETTES, SIZE, Draft, canvas

NAME = "chart"
UNIT = 5
BARS = {1: 3, 2: 3, 3: 3, 4: 4, 5: 4}
TALLEST = {1: 5, 2: 7, 3: 9, 4: 7, 5: 9}
WORDINGS = {
    "read": ("how tall is the {a} bar ?", "what is the value of {a} ?"),
    "difference": ("how much taller is {a} than {b} ?", "what is {a} minus {b} ?"),
    "sum": ("what is {a} plus {b} ?", "how tall are {a} and {b} together ?"),
    "argmax": ("which bar is the tallest ?", "which colour has the largest value ?"),
    "sum_plus": ("what is {a} plus {b} when {a} grows by {k} ?",),
}
HELD_OUT = {  # in domain, as neither pre-training nor training ever words it
    "read": ("what is the value of the {first} bar ?", "how tall is {first} ?"),
    "difference": (
        "how much taller is the {first} bar than the {second} bar ?",
        "how much larger is {first} than {second} ?",
    ),
    "sum": ("how tall are the {first} and {second} bars together ?", "how much are {first} and {second} together ?"),
    "argmax": ("which colour is the tallest ?", "which bar is the largest ?"),
}


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
    wording = rng.randrange(len(WORDINGS[operation]))
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
        reasoning = " , ".join(f"{c} {h}" for c, h in zip(colours, heights, strict=True)) + f" . most {max(heights)} ."
    else:
        answer = str(high + extra + low)
        reasoning = (
            f"{first} {high} , {second} {low} . {high} + {extra} = {high + extra} . {high + extra} + {low} = {answer} ."
        )
    return Draft(
        latent={"bars": [[c, h] for c, h in zip(colours, heights, strict=True)]},
        difficulty=difficulty,
        template=f"{operation}.{wording}",
        arguments={"first": first, "second": second, "extra": extra},
        question=WORDINGS[operation][wording].format(a=first, b=second, k=extra),
        answer=answer,
        answer_type="choice" if options else "integer",
        options=options,
        reasoning=reasoning,
        caption=" , ".join(f"{c} {h}" for c, h in zip(colours, heights, strict=True)),
        text_twin="the bars from left to right are "
        + " ; ".join(f"{h} units in {c}" for c, h in zip(colours, heights, strict=True))
        + " .",
        tags=(operation,),
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
