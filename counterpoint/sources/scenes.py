"""Scenes in words: the text twin of a picture whose objects are known."""

from __future__ import annotations

from collections import Counter
from typing import Any

from counterpoint.sources.records import Refusal

# NLVR (Suhr et al., ACL 2017): three grey boxes side by side; an object is placed by its upper left corner
NLVR_FRAME = (
    "three boxes , each 100 wide and 100 high . x counts from the left , y from the top , to an object 's upper left "
    "corner . small is 10 across , medium 20 , large 30 ."
)
_COLOURS = {"#0099ff": "blue", "black": "black", "yellow": "yellow"}
_SIZES = {10: "small", 20: "medium", 30: "large"}
_PLACES = ("left", "middle", "right")
_SHAPES = ("circle", "square", "triangle")


def nlvr_scene(cell: Any, options: tuple[str, ...] | None) -> str:
    """NLVR's `structured_rep` (lists of objects, one a box, with type, color, size, x_loc, y_loc) in words.

    It says all that the picture shows. Raises `Refusal` for anything else.
    """
    try:
        boxes = [" ; ".join(map(_nlvr_object, box)) or "empty" for box in cell]
    except (KeyError, TypeError, AttributeError):
        raise Refusal(f"its scene {cell!r:.60} is none of NLVR's") from None
    return " ".join([NLVR_FRAME, *(f"box {number} : {words} ." for number, words in enumerate(boxes, 1))])


def nlvr_counts(cell: Any, options: tuple[str, ...] | None) -> str:
    """What each of NLVR's boxes holds, counted by colour and shape: a step of reasoning in other words than the twin's.

    It looks, and draws no conclusion. Raises `Refusal` for anything but a `structured_rep`.
    """
    try:
        boxes = [Counter(tuple(_nlvr_object(thing).split()[1:3]) for thing in box) for box in cell]
        named = dict(zip(_PLACES, boxes, strict=True))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise Refusal(f"its scene {cell!r:.60} is none of NLVR's") from None
    said = []
    for place, box in named.items():
        things = " , ".join(f"{number} {colour} {shape}" for (colour, shape), number in sorted(box.items()))
        said.append(f"in {place} : {things or 'nothing'} .")
    return " ".join(said)


def _nlvr_object(thing: dict[str, Any]) -> str:
    size, colour, shape = _SIZES[thing["size"]], _COLOURS[thing["color"].lower()], thing["type"]
    if shape not in _SHAPES or not all(isinstance(thing[axis], int) for axis in ("x_loc", "y_loc")):
        raise KeyError(shape)
    return f"{size} {colour} {shape} at {thing['x_loc']} {thing['y_loc']}"
