"""chart: "red 5 , blue 3" is perceived, "5 - 3 = 2" and "most 5" are computed."""

from __future__ import annotations

import re
from typing import Any

from counterpoint.evaluation.steps.common import Reader, arithmetic, clauses
from counterpoint.sources.families.common import COLOURS

_BAR = re.compile(rf"({'|'.join(COLOURS)}) (\d{{1,9}})", re.ASCII)
_MOST = re.compile(r"most (\d{1,9})", re.ASCII)


def reader(latent: dict[str, Any], operation: str, asked: set[str]) -> Reader:
    """The answer is the last result, else the height stated of the bar asked for, else the last one stated.

    For `argmax` it is the colour of a bar stated to be as tall as the trace says the tallest is, and no bar may be left
    out. "most" is right when it is the largest height stated or the largest drawn: a height misread counts once, where
    it was misread.
    """
    bars = dict(latent["bars"])
    tallest = max(bars.values())
    stated: dict[str, int] = {}
    results: list[int] = []
    most: list[int] = []

    def perceive(text: str) -> bool | None:
        facts = list(clauses(text, _BAR))
        if None in facts:
            return None
        said = [(fact[1], int(fact[2])) for fact in facts]
        for colour, height in said:
            stated.pop(colour, None)  # the last one stated comes last
            stated[colour] = height
        whole = operation != "argmax" or {colour for colour, _ in said} == set(bars)
        return whole and all(bars.get(colour) == height for colour, height in said)

    def compute(text: str) -> bool | None:
        if found := _MOST.fullmatch(text):
            most.append(int(found[1]))
            return most[-1] in (max(stated.values(), default=None), tallest)
        return arithmetic(text, results)

    def conclusion() -> set[str] | None:
        if operation == "argmax" and (stated or most):
            said = most[-1] if most else max(stated.values())
            return {colour for colour, height in stated.items() if height == said}
        if results:
            return {str(results[-1])}
        about = [stated[colour] for colour in stated if colour in asked] or list(stated.values())
        return {str(about[-1])} if about else None

    return Reader(perceive, compute, conclusion)
