"""Traces that are written from the problem, without any model: one a problem."""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.distill.foreign import foreign
from counterpoint.distill.noisy import noisy
from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.prompt import completion_text

WAYS = ("oracle", "answer_only", "foreign", "noisy")


def written(way: str, problems: Sequence[Problem], noise: float = 0.0, seed: int = 0) -> list[str]:
    """A completion for each problem.

    `oracle`: its own reasoning; `answer_only`: none; `foreign`: the same facts in another style; `noisy`: its own with
    the share `noise` of steps made wrong. Raises `UserError` for a problem without what the way needs: reasoning
    (oracle, noisy) or a known latent state (foreign, noisy).
    """
    if way == "answer_only":
        return [completion_text("", p.answer) for p in problems]
    if way == "foreign":
        return [foreign(p) for p in problems]
    for p in problems:
        if not (p.reasoning or "").strip():
            raise UserError(
                f"problem {p.problem_id} ({p.source}) has no gold reasoning, of which {way} traces are made; map "
                "source.fields.reasoning, or give the arms a kind of traces whose way is sampled or answer_only"
            )
    if way == "noisy":
        return noisy(problems, noise, seed)
    return [completion_text(p.reasoning, p.answer) for p in problems]
