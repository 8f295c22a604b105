"""Where the names of points go, so that they cover neither each other nor what is drawn; everything in inches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LETTER, LINE = 0.073, 0.15  # of a letter across at the smallest size, of a line of them up
REACHES = (0.09, 0.2, 0.34, 0.48, 0.62, 0.76, 0.9)  # from the point to the name
ANGLES = (135, 112.5, 157.5, 90, 67.5, 180, 45, 22.5, 0, -22.5, -45, -67.5, -90, -112.5, -135)  # the dearer, the later
HIDDEN, BLOCKED = 0.12, 10.0  # what it costs to cover a thing that is muted, and one that is not


@dataclass(frozen=True)
class Box:
    """A rectangle; a line where it has no width or no height."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether they share a point."""
        across = self.left <= other.right and other.left <= self.right
        return across and self.bottom <= other.top and other.bottom <= self.top


def placed(
    names: Sequence[str],
    points: Sequence[tuple[float, float]],
    taken: Sequence[Box],
    muted: Sequence[Box],
    room: tuple[float, float],
) -> list[Box]:
    """A box for each name near its point, inside of `room` (width, height), the first name first.

    Of all places tried it is the one with the least cost: its distance, what of `muted` it covers, and, much dearer,
    what of `taken` and of the names before.
    """
    boxes: list[Box] = []
    for name, point in zip(names, points, strict=True):
        costs = {}
        for distance, box in _around(point, LETTER * len(name), room):
            blocked = sum(map(box.meets, taken)) + sum(map(box.meets, boxes))
            costs.setdefault(box, distance + HIDDEN * sum(map(box.meets, muted)) + BLOCKED * blocked)
        boxes.append(min(costs, key=costs.__getitem__))
    return boxes


def _around(point: tuple[float, float], width: float, room: tuple[float, float]) -> Iterator[tuple[float, Box]]:
    """Distances and boxes around a point, each box moved inwards until it lies in the room."""
    for reach in REACHES:
        for rank, angle in enumerate(ANGLES):
            over, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            # the nearer edge lies at that distance: the right one of a box on the left, and so on
            left = point[0] + reach * over - width * (0.5 - 0.5 * over)
            bottom = point[1] + reach * up - LINE * (0.5 - 0.5 * up)
            left = min(max(left, 0.02), max(room[0] - width - 0.02, 0.02))
            bottom = min(max(bottom, 0.02), room[1] - LINE)
            yield reach + 0.01 * rank, Box(left, bottom, left + width, bottom + LINE)
