"""How a run trains: its method with the method's options, and the texts that it imitates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from counterpoint.methods import METHODS, Context, Method, Nothing
from counterpoint.problem import Problem


@dataclass(frozen=True)
class How:
    """`demonstrations`: by problem_id the texts to imitate, none for some problems; None: each problem's own reasoning
    where the method is supervised, nothing where it is not."""

    method: Method
    options: Any = field(default_factory=Nothing)
    demonstrations: Mapping[str, Sequence[str]] | None = None

    def imitated(self, problems: Sequence[Problem]) -> tuple[list[Problem], list[str]]:
        """The demonstrations of the problems, in their order, and beside each its problem."""
        pairs = [(p, text) for p in problems for text in self.demonstrations.get(p.problem_id, ())]
        return [p for p, _ in pairs], [text for _, text in pairs]

    def extended(self, trainer: type, problems: Sequence[Problem], instruction: str, steps: int, processor) -> type:
        """The trainer class as the method has it."""
        shown = {key: list(texts) for key, texts in (self.demonstrations or {}).items()}
        by_id = {p.problem_id: p for p in problems}
        return self.method.extend(trainer, self.options, Context(shown, by_id, instruction, steps, processor))


SUPERVISED, REINFORCED = How(METHODS["sft"]), How(METHODS["rl"])
