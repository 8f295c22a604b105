"""grid: a ball on a 6×6 board and a walk in words; name the cell where it ends (after V-IRL)."""

from __future__ import annotations

from random import Random
from typing import Any

from counterpoint.sources.families.common import COLOURS, LINE, PALETTES, SIZE, Draft, canvas

NAME = "grid"
SIDE, CELL = 6, 8
MOVES = {1: 2, 2: 3, 3: 4, 4: 5, 5: 7}
STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
WORDINGS = {
    "walk": ("it goes {m} . where does it end ?", "move the ball {m} . which cell is it in ?"),
    "leap": ("each move is two cells . it goes {m} . where does it end ?",),
}
HELD_OUT = {  # in domain, as neither pre-training nor training ever words it
    "walk": ("move the ball {moves} . where does it end ?", "it goes {moves} . which cell is it in ?"),
}


def cell(column: int, row: int) -> str:
    """The name of a cell: column letter, row number from the top."""
    return f"{'abcdef'[column]}{row + 1}"


def draft(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Draw a start and a walk that stays on the board. The shifted rule doubles each move."""
    stride = 2 if shifted_rule else 1
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
    operation = "leap" if shifted_rule else "walk"
    wording = rng.randrange(len(WORDINGS[operation]))
    return Draft(
        latent={"ball": [*start, colour], "moves": moves},
        difficulty=difficulty,
        template=f"{operation}.{wording}",
        question=WORDINGS[operation][wording].format(m=" ".join(moves)),
        answer=cell(column, row),
        answer_type="text",
        reasoning=f"{colour} {cell(*start)} . " + " . ".join(trace) + " .",
        caption=f"{colour} ball {cell(*start)}",
        text_twin=f"a ball in {colour} lies in column {'abcdef'[start[0]]} and row {start[1] + 1} .",
        tags=(operation,),
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
