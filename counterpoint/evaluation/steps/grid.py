"""grid: "red a3" is perceived, "right b3" computed."""

from __future__ import annotations

import re
from typing import Any

from counterpoint.evaluation.steps.common import Reader
from counterpoint.sources.families.common import COLOURS
from counterpoint.sources.families.grid import SIDE, STEPS, cell

_BALL = re.compile(rf"({'|'.join(COLOURS)}) ([a-z]\d)", re.ASCII)
_MOVE = re.compile(rf"({'|'.join(STEPS)}) ([a-z]\d)", re.ASCII)
STRIDES = {"walk": 1, "leap": 2}


def reader(latent: dict[str, Any], operation: str, asked: set[str]) -> Reader:
    """The answer is the cell named last.

    A move is right from the cell named before it, or from the one that should have been named there: a cell misnamed
    counts once, where it was misnamed.
    """
    column, row, colour = latent["ball"]
    start = cell(column, row)
    before = {start}
    named: list[str] = []

    def moved(where: str, move: str) -> set[str]:
        dx, dy = STEPS[move]
        x, y = ord(where[0]) - ord("a") + STRIDES[operation] * dx, int(where[1]) - 1 + STRIDES[operation] * dy
        return {cell(x, y)} if 0 <= x < SIDE and 0 <= y < SIDE else set()

    def perceive(text: str) -> bool | None:
        found = _BALL.fullmatch(text)
        if found is None:
            return None
        named.append(found[2])
        before.clear()
        before.update((start, found[2]))
        return found.groups() == (colour, start)

    def compute(text: str) -> bool | None:
        found = _MOVE.fullmatch(text)
        if found is None:
            return None
        owed = set().union(*(moved(where, found[1]) for where in before))
        should = moved(named[-1], found[1]) if named else owed
        right = found[2] in owed
        named.append(found[2])
        before.clear()
        before.update({found[2]} if right else {found[2], *should})
        return right

    return Reader(perceive, compute, lambda: {named[-1]} if named else None)
