"""Method: one way of training, and what a run chooses of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from counterpoint.problem import Problem


@dataclass(frozen=True)
class NoOptions:
    """The options of a method that has none."""


@dataclass(frozen=True)
class Method:
    """One way of training.

    name: its key in `METHODS`. stage: the DVC stage whose inputs it has (`sft`, `rl`, `sft_then_rl`, or `mixed`: RL
    that reads traces too). paper: where it stands. options: a frozen dataclass of its own keys. check: what is wrong
    with them, in words, or None. arguments: what they add to TRL's SFTConfig (stage `sft`) or GRPOConfig (the others).
    extend: the trainer class that trains so, given TRL's with the run's mixins, the options, and the run's number of
    optimizer steps. A trainer of the stage `mixed` has `demonstrations` (counterpoint/training/demonstrations.py).
    """

    name: str
    stage: str
    paper: str
    options: type = NoOptions
    check: Callable[[Any], str | None] = field(default=lambda options: None)
    arguments: Callable[[Any], dict[str, Any]] = field(default=lambda options: {})
    extend: Callable[[type, Any, int], type] = field(default=lambda trainer, options, steps: trainer)


@dataclass(frozen=True)
class ConfiguredMethod:
    """A method as a run trains by it.

    options: the method's own, of its type `Method.options`. demonstrations: the texts to imitate by problem_id, none
    for some problems; None: each problem's own reasoning where the method is supervised, nothing where it is not.
    """

    method: Method
    options: Any = field(default_factory=NoOptions)
    demonstrations: Mapping[str, Sequence[str]] | None = None

    def imitated(self, problems: Sequence[Problem]) -> tuple[list[Problem], list[str]]:
        """The problems with a demonstration, in their order, and for each its text; a problem with two occurs twice."""
        pairs = [(p, text) for p in problems for text in (self.demonstrations or {}).get(p.problem_id, ())]
        return [p for p, _ in pairs], [text for _, text in pairs]
