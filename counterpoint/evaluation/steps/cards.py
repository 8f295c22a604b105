"""cards: "j 10 , 5 5" is perceived, "10 + 5 = 15" computed."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from counterpoint.evaluation.steps.common import Reader, arithmetic, clauses
from counterpoint.sources.families.cards import RANKS

_CARD = re.compile(rf"({'|'.join(rank.lower() for rank in RANKS)}) (\d{{1,9}})", re.ASCII)
COUNTS = {rank.lower(): place for place, rank in enumerate(RANKS, 1)}
HIGHEST = {"ten": 10, "rising": 13}


def reader(latent: dict[str, Any], operation: str, asked: set[str]) -> Reader:
    """The answer is the last sum, else the value of the card named last. All cards count: none may be left out."""
    hand = Counter(rank.lower() for rank, _ in latent["cards"])
    results: list[int] = []
    values: list[int] = []

    def perceive(text: str) -> bool | None:
        facts = list(clauses(text, _CARD))
        if None in facts:
            return None
        values.extend(int(fact[2]) for fact in facts)
        counted = all(int(fact[2]) == min(COUNTS[fact[1]], HIGHEST[operation]) for fact in facts)
        return counted and Counter(fact[1] for fact in facts) == hand

    def conclusion() -> set[str] | None:
        said = results or values
        return {str(said[-1])} if said else None

    return Reader(perceive, lambda text: arithmetic(text, results), conclusion)
