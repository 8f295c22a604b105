"""Method: one way of training, and what its hook is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from counterpoint.problem import Problem


@dataclass(frozen=True)
class Nothing:
    """The options of a method that has none."""


@dataclass(frozen=True)
class Context:
    """What a method may know of the run that it extends: the texts to imitate by problem_id (a problem may have none),
    the problems by id, the prompt's instruction, the run's optimizer steps, and the processor."""

    demonstrations: Mapping[str, list[str]]
    by_id: Mapping[str, Problem]
    instruction: str
    steps: int
    processor: Any


@dataclass(frozen=True)
class Method:
    """One way of training.

    name: its key in `METHODS`; stage: the DVC stage whose inputs it has (`sft`, `rl`, `sft_then_rl`, or `mixed`: RL
    that reads traces too); paper: where it stands. options: a frozen dataclass of its own keys; check: what is wrong
    with them, in words, or None; arguments: what they add to TRL's SFTConfig (stage `sft`) or GRPOConfig (the others);
    extend: the trainer class that trains so, given TRL's with the run's mixins.
    """

    name: str
    stage: str
    paper: str
    options: type = Nothing
    check: Callable[[Any], str | None] = field(default=lambda options: None)
    arguments: Callable[[Any], dict[str, Any]] = field(default=lambda options: {})
    extend: Callable[[type, Any, Context], type] = field(default=lambda trainer, options, context: trainer)
