"""count: "7 in all , 3 red" is perceived, "7 - 3 = 4" computed."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from counterpoint.evaluation.steps.common import Reader, arithmetic, clauses
from counterpoint.sources.families.common import COLOURS
from counterpoint.sources.families.count import SHAPES

_FACT = re.compile(rf"(\d{{1,9}}) (?:(in all)|({'|'.join((*COLOURS, *SHAPES))})s?)", re.ASCII)


def reader(latent: dict[str, Any], operation: str, asked: set[str]) -> Reader:
    """The answer is the last result, else the number stated of what is asked, else the last one stated."""
    objects = latent["objects"]
    counts = Counter([o[1] for o in objects] + [o[2] for o in objects] + ["in all"] * len(objects))
    stated: dict[str, int] = {}
    results: list[int] = []

    def perceive(text: str) -> bool | None:
        facts = list(clauses(text, _FACT))
        if None in facts:
            return None
        said = [(fact[2] or fact[3], int(fact[1])) for fact in facts]
        for what, number in said:
            stated.pop(what, None)  # the last one stated comes last
            stated[what] = number
        return all(counts[what] == number for what, number in said)

    def conclusion() -> set[str] | None:
        if results:
            return {str(results[-1])}
        about = [stated[what] for what in stated if what in asked] or list(stated.values())
        return {str(about[-1])} if about else None

    return Reader(perceive, lambda text: arithmetic(text, results), conclusion)
