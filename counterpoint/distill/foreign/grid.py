"""grid: the moves added up, columns before rows: "from column a go 3 right and 1 left to column c ." """

from __future__ import annotations

from collections import Counter
from typing import Any

from counterpoint.evaluation.steps.grid import STRIDES
from counterpoint.sources.families.grid import cell


def write(latent: dict[str, Any], operation: str, question: list[str]) -> tuple[str, str]:
    """Reasoning and answer: no cell on the way is named."""
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
