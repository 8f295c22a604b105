"""Reward terms. A new one is a file and its line here; its weight stands in params.yaml under `rl.rewards`.

A term's module says what KIND of thing it pays for: `accuracy` (it claims to say "correct": what it pays beyond the
strict judge is the verifier's error), `format`, `length` or `noise`. It has `reward(completion, problem, verdict) ->
float`, or, where it must see the whole pool first, `prepare(problems)` that returns such a function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from types import ModuleType

from counterpoint.problem import Problem
from counterpoint.rewards import term
from counterpoint.rewards.term import KINDS, Reward

__all__ = ["KINDS", "REWARDS", "Reward", "kind", "ready"]

NAMES = (
    "accuracy",
    "format",
    "length",
    "coin",
    "shuffled",
    "leaky_list",
    "leaky_empty",
    "leaky_anywhere",
    "leaky_cards",
)
REWARDS: dict[str, ModuleType] = {name: import_module(f"counterpoint.rewards.{name}") for name in NAMES}


def kind(name: str) -> str:
    """What the term pays for, one of `KINDS`. Raises `KeyError` for an unknown term."""
    return REWARDS[name].KIND


def ready(names: Iterable[str], problems: Sequence[Problem]) -> dict[str, Reward]:
    """Each term's function over a pool of problems. Raises `KeyError` for an unknown term."""
    return term.ready({name: REWARDS[name] for name in names}, problems)
