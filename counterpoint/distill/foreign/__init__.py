"""Another style of reasoning, equally correct: other words, another order of steps, other details than the generator's.

Written from the latent state and the question, never from the gold trace. The words are mostly those that the shipped
bases know, in sentences that are neither their captions nor their text twins (training on those would teach the twin).
A new family is a module with `write`, and its line here.
"""

from __future__ import annotations

import json

from counterpoint.distill.foreign import cards, chart, count, grid
from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.prompt import completion_text

# (latent, operation, words of the question) -> reasoning and answer; KeyError for an operation that is not known
WRITERS = {"count": count.write, "chart": chart.write, "grid": grid.write, "cards": cards.write}
# what a writer raises at a latent state of another form: data of one's own may have a family called `chart`
UNKNOWN = (ValueError, TypeError, LookupError, AttributeError, StopIteration)


def foreign(problem: Problem) -> str:
    """The completion in the foreign style. Raises `UserError` for a problem whose latent state is not known here."""
    try:
        operation = problem.template_id.split(".")[1]
        told = WRITERS[problem.family](json.loads(problem.latent), operation, problem.question.split())
    except UNKNOWN:
        raise UserError(
            f"problem {problem.problem_id} ({problem.source}): its latent state is not known, so no foreign style can "
            "be written for it; there a foreign kind is a sampled one with another model as teacher "
            "(kinds.foreign: way sampled, teacher RUN)"
        ) from None
    return completion_text(*told)
