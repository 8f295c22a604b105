"""What a reward term is, and how it is made ready for a pool of problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

from counterpoint.problem import Problem
from counterpoint.verify import Verdict

KINDS = ("accuracy", "format", "length", "noise")
Reward = Callable[[str, Problem, Verdict], float]


def ready(modules: Mapping[str, ModuleType], problems: Sequence[Problem]) -> dict[str, Reward]:
    """Each term's function over a pool of problems, in the order of `modules`.

    The functions may be asked about problems of that pool alone.
    """
    return {term: m.prepare(problems) if hasattr(m, "prepare") else m.reward for term, m in modules.items()}
