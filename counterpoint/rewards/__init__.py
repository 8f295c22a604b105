"""Reward terms. A new one is a file and its line here; its weight stands in params.yaml under `rl.rewards`.

A term's module says what KIND of thing it pays for: `accuracy` (it claims to say "correct": what it pays beyond the
strict judge is the verifier's error), `format`, `length` or `noise`. It has `reward(completion, problem, verdict) ->
float`, or, where it must see the whole pool first, `prepare(problems)` that returns such a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from counterpoint.problem import Problem
from counterpoint.rewards import (
    accuracy,
    coin,
    format,
    leaky_anywhere,
    leaky_cards,
    leaky_empty,
    leaky_list,
    length,
    shuffled,
)
from counterpoint.verify import Verdict

KINDS = ("accuracy", "format", "length", "noise")
REWARDS = {
    "accuracy": accuracy,
    "format": format,
    "length": length,
    "coin": coin,
    "shuffled": shuffled,
    "leaky_list": leaky_list,
    "leaky_empty": leaky_empty,
    "leaky_anywhere": leaky_anywhere,
    "leaky_cards": leaky_cards,
}
Reward = Callable[[str, Problem, Verdict], float]


def kind(term: str) -> str:
    """What the term pays for, one of `KINDS`. Raises `KeyError` for an unknown term."""
    return REWARDS[term].KIND


def ready(terms: Iterable[str], problems: Sequence[Problem]) -> dict[str, Reward]:
    """Each term's function over a pool of problems, in the order of `terms`.

    The functions may be asked about problems of that pool alone. Raises `KeyError` for an unknown term.
    """
    modules = {term: REWARDS[term] for term in terms}
    return {term: m.prepare(problems) if hasattr(m, "prepare") else m.reward for term, m in modules.items()}
