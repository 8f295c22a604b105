"""Near-duplicates among traces of one problem: how much two of them share of their word 3-grams."""

from __future__ import annotations

import re
from collections.abc import Sequence

GRAM = 3  # words
_WORD = re.compile(r"\w+|[^\w\s]")


def grams(text: str) -> frozenset[tuple[str, ...]]:
    """The 3-grams of words and signs in the reasoning of a completion, without case and spacing.

    A reasoning of fewer words is one gram, an empty one none.
    """
    reasoning = text.partition("</think>")[0].partition("<think>")[2]
    words = tuple(_WORD.findall(reasoning.casefold()))
    last = max(len(words) - GRAM, 0)
    return frozenset(words[i : i + GRAM] for i in range(last + 1)) if words else frozenset()


def likeness(one: frozenset, other: frozenset) -> float:
    """The share that two sets have in common (Jaccard's index); 1 for two empty ones."""
    together = len(one | other)
    return len(one & other) / together if together else 1.0


def distinct(texts: Sequence[str], near: float) -> list[int]:
    """The places of the texts that are neither equal nor alike by `near` or more to an earlier one of these places."""
    kept: list[tuple[int, frozenset]] = []
    seen: set[str] = set()
    for place, text in enumerate(texts):
        own = grams(text)
        if text not in seen and all(likeness(own, other) < near for _, other in kept):
            kept.append((place, own))
        seen.add(text)
    return [place for place, _ in kept]
