"""grid: a ball on a 6×6 board and a walk in words; name the cell where it ends (after V-IRL)."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import Any

from counterpoint.sources.families.common import COLOURS, LINE, PALETTES, SIZE, Draft, Family, Reader, canvas, worded

SIDE, CELL = 6, 8  # cells a side of the board; pixels a side of a cell
MOVES = {1: 2, 2: 3, 3: 4, 4: 5, 5: 7}
STRIDES = {"walk": 1, "leap": 2}  # operation -> cells that a move goes
STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
WORDINGS = {
    "walk": ("it goes {moves} . where does it end ?", "move the ball {moves} . which cell is it in ?"),
    "leap": ("each move is two cells . it goes {moves} . where does it end ?",),
}
HELD_OUT = {
    "walk": ("move the ball {moves} . where does it end ?", "it goes {moves} . which cell is it in ?"),
}
_BALL = re.compile(rf"({'|'.join(COLOURS)}) ([a-z]\d)", re.ASCII)
_MOVE = re.compile(rf"({'|'.join(STEPS)}) ([a-z]\d)", re.ASCII)


def cell(column: int, row: int) -> str:
    """The name of a cell: column letter, row number from the top."""
    return f"{'abcdef'[column]}{row + 1}"


def draft(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Draw a start and a walk that stays on the board. The shifted rule doubles each move."""
    operation = "leap" if shifted_rule else "walk"
    stride = STRIDES[operation]
    column, row, colour = rng.randrange(SIDE), rng.randrange(SIDE), rng.choice(COLOURS)
    start, moves, trace = (column, row), [], []
    for _ in range(MOVES[difficulty]):
        open_moves = [
            name
            for name, (dx, dy) in STEPS.items()
            if 0 <= column + stride * dx < SIDE and 0 <= row + stride * dy < SIDE
        ]
        move = rng.choice(open_moves)
        column, row = column + stride * STEPS[move][0], row + stride * STEPS[move][1]
        moves.append(move)
        trace.append(f"{move} {cell(column, row)}")
    return Draft(
        latent={"ball": [*start, colour], "moves": moves},
        difficulty=difficulty,
        answer=cell(column, row),
        answer_type="text",
        reasoning=f"{colour} {cell(*start)} . " + " . ".join(trace) + " .",
        caption=f"{colour} ball {cell(*start)}",
        text_twin=f"a ball in {colour} lies in column {'abcdef'[start[0]]} and row {start[1] + 1} .",
        **worded(WORDINGS, operation, rng, {"moves": " ".join(moves)}),
    )


def render(latent: dict[str, Any], style: str, rng: Random):
    """The board and its ball as a 48×48 picture."""
    image, draw = canvas(style, rng)
    for line in range(1, SIDE):
        draw.line([(0, line * CELL), (SIZE, line * CELL)], fill=LINE[style])
        draw.line([(line * CELL, 0), (line * CELL, SIZE)], fill=LINE[style])
    column, row, colour = latent["ball"]
    left, top = column * CELL, row * CELL
    draw.ellipse([left + 1, top + 1, left + CELL - 1, top + CELL - 1], fill=PALETTES[style][colour])
    return image


class GridReader(Reader):
    """Reads "red a3" as perceived and "right b3" as computed.

    A move is right from the cell named before it, or from the one that should have been named there: a cell misnamed
    counts once, where it was misnamed.
    """

    def __init__(self, latent: dict[str, Any], operation: str, question: str):
        column, row, self.colour = latent["ball"]
        self.start = cell(column, row)
        self.stride = STRIDES[operation]
        self.before = {self.start}  # the cells from which the next move may go
        self.named: list[str] = []

    def perceive(self, text: str) -> bool | None:
        """Whether colour and cell of the ball are right."""
        match = _BALL.fullmatch(text)
        if match is None:
            return None
        self.named.append(match[2])
        self.before = {self.start, match[2]}
        return match.groups() == (self.colour, self.start)

    def compute(self, text: str) -> bool | None:
        """Whether a move leads to the cell that the step names."""
        match = _MOVE.fullmatch(text)
        if match is None:
            return None
        move, end = match.groups()
        ends = set().union(*(self._moved(start, move) for start in self.before))
        expected = self._moved(self.named[-1], move) if self.named else ends
        right = end in ends
        self.named.append(end)
        self.before = {end} if right else {end, *expected}
        return right

    def conclusion(self) -> set[str] | None:
        """The cell named last."""
        return {self.named[-1]} if self.named else None

    def _moved(self, start: str, move: str) -> set[str]:
        dx, dy = STEPS[move]
        x, y = ord(start[0]) - ord("a") + self.stride * dx, int(start[1]) - 1 + self.stride * dy
        return {cell(x, y)} if 0 <= x < SIDE and 0 <= y < SIDE else set()


def foreign(latent: dict[str, Any], operation: str, question: str) -> tuple[str, str]:
    """The moves added up, columns before rows, no cell on the way named: "from column a go 3 right and 1 left …"."""
    stride = STRIDES[operation]
    column, row, _ = latent["ball"]
    times = Counter(latent["moves"])
    by = f" by {stride}" if stride > 1 else ""
    last_column = column + stride * (times["right"] - times["left"])
    last_row = row + stride * (times["down"] - times["up"])
    end = cell(last_column, last_row)
    across = f"from column {cell(column, row)[0]} go {times['right']} right and {times['left']} left{by}"
    along = f"from row {row + 1} go {times['down']} down and {times['up']} up{by}"
    return f"{across} to column {end[0]} . {along} to row {end[1]} . that is {end} .", end


CELLS = tuple(cell(column, row) for column in range(SIDE) for row in range(SIDE))
FAMILY = Family("grid", WORDINGS, HELD_OUT, draft, render, GridReader, foreign, names=CELLS)
