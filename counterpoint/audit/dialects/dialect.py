"""What a dialect says: which metric is the reward, which are its terms, and which is a held-out accuracy, and whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from counterpoint.audit.log import Accuracies
from counterpoint.audit.series import Series

Metrics = Mapping[str, Series]
Weights = Mapping[str, float] | None


@dataclass(frozen=True)
class Parts:
    """The reward's `terms` in training, and by suite on held-out prompts (`held_out`); `strict`, an accuracy of the
    training completions; `evaluated`, the steps of an evaluation."""

    terms: Metrics = field(default_factory=dict)
    held_out: Mapping[str, Metrics] = field(default_factory=dict)
    strict: Series = field(default_factory=dict)
    evaluated: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Dialect:
    """How a framework names its metrics.

    `knows`: whether a name is one of its own; `rewards`: names of the reward, the best first; `sum_of_terms`: the
    metric that the terms add up to, where it is another; `how_to_log` and `unsaved`: what to say where no accuracy was
    logged, and where no completions lie.
    """

    knows: Callable[[str], bool]
    rewards: tuple[str, ...]
    parts: Callable[[Metrics], Parts]
    accuracies: Callable[[Metrics, Parts, Weights], Accuracies]
    how_to_log: str
    unsaved: str
    sum_of_terms: str = ""


def counts(weights: Weights, term: str) -> bool:
    """Whether a term counts in the reward; one of unknown weight does."""
    return (weights or {}).get(term, 1.0) != 0
