"""count: a running count, row by row, of what is asked for: "count from 2 . row 1 holds 1 circle , so 3 ." """

from __future__ import annotations

from typing import Any

from counterpoint.sources.families.common import COLOURS
from counterpoint.sources.families.count import SHAPES

SIDE = 3  # cells in a row of the board
COLOUR, SHAPE = 1, 2  # places in an object of the latent state
# operation -> what of an object is asked about, and whether those count that have it
COUNTED = {
    "remove": (COLOUR, False), "filter": (COLOUR, True), "add": (SHAPE, True), "keep_add": (COLOUR, True),
}  # fmt: skip


def write(latent: dict[str, Any], operation: str, question: list[str]) -> tuple[str, str]:
    """Reasoning and answer. What is added comes first; after a removal the objects left are counted, not the others."""
    place, having = COUNTED[operation]
    names = COLOURS if place == COLOUR else SHAPES
    about = next(name for word in question if (name := word.removesuffix("s")) in names)
    total = next((int(word) for word in question if word.isdecimal()), 0)
    said = [f"count from {total}"]
    for row in range(SIDE):
        here = sum(o[0] // SIDE == row and (o[place] == about) == having for o in latent["objects"])
        total += here
        said.append(f"row {row + 1} holds {here} {about if having else 'left'} , so {total}")
    return " . ".join(said) + " .", str(total)
