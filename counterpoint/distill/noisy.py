"""Gold traces with a stated share of their steps made wrong, each step for itself: what follows it stays as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random

from counterpoint.errors import UserError
from counterpoint.evaluation.traces import Step, check, sentences
from counterpoint.problem import Problem, digest
from counterpoint.prompt import completion_text
from counterpoint.sources.families.grid import SIDE, cell

FARTHEST = 3  # how far a wrong number lies from the right one at most
_PLACE = re.compile(r"\b(?:([a-f][1-6])|(\d{1,9}))\b", re.ASCII)  # a cell or a number
CELLS = tuple(cell(column, row) for column in range(SIDE) for row in range(SIDE))


def noisy(problems: Sequence[Problem], share: float, seed: int) -> list[str]:
    """The gold completions of the problems, `share` of all their steps made wrong, the final answer left as it is.

    Counted are the steps that `counterpoint.evaluation.traces.check` can tell true from false, and it is what says that
    a step became wrong and every other one stayed what it was. Which ones, a hash of seed, problem and place decides,
    so that nearly the same steps are wrong in a part of the problems. A step that cannot be changed alone is passed
    over (a walk's cell, between two that are wrong already): above 0.8 or so the share is not reached. Raises
    `UserError` for a problem none of whose steps can be checked.
    """
    written = [sentences(completion_text(p.reasoning, p.answer))[0] for p in problems]
    ranked: list[tuple[str, int, int]] = []
    for place, (problem, said) in enumerate(zip(problems, written, strict=True)):
        truths = [step.correct for step in _steps(problem, said)]
        if True not in truths:
            raise UserError(
                f"problem {problem.problem_id} ({problem.source}): no step of its reasoning can be checked, so none "
                "can be made wrong knowingly; take arms with noisy traces out of runs"
            )
        order = (digest("noise", seed, problem.problem_id, i) for i in range(len(said)))
        ranked += [(rank, place, i) for i, rank in enumerate(order) if truths[i]]
    wanted = round(share * len(ranked))
    for rank, place, i in sorted(ranked):
        if not wanted:
            break
        changed = _falsified(problems[place], written[place], i, Random(int(rank, 16)))
        if changed:
            written[place] = changed
            wanted -= 1
    return [
        completion_text(" . ".join(said) + " .", problem.answer)
        for problem, said in zip(problems, written, strict=True)
    ]


def _steps(problem: Problem, said: Sequence[str]) -> list[Step]:
    trace = check(problem, completion_text(" . ".join(said) + " .", problem.answer))
    return list(trace.steps) if trace else []


def _falsified(problem: Problem, said: list[str], place: int, rng: Random) -> list[str] | None:
    """The sentences with the one at `place` false, and all others as true or false as they were."""
    before = [(step.kind, step.correct) for step in _steps(problem, said)]
    wanted = [*before[:place], (before[place][0], False), *before[place + 1 :]]
    for text in _others(said[place], rng):
        trial = [*said[:place], text, *said[place + 1 :]]
        if [(step.kind, step.correct) for step in _steps(problem, trial)] == wanted:
            return trial
    return None


def _others(text: str, rng: Random) -> Iterator[str]:
    """The sentence with one of its cells or numbers changed, in random order."""
    changes = [
        (found, other)
        for found in _PLACE.finditer(text)
        for other in (CELLS if found[1] else _near(int(found[2])))
        if other != found[0]
    ]
    for found, other in rng.sample(changes, len(changes)):
        yield f"{text[: found.start()]}{other}{text[found.end() :]}"


def _near(number: int) -> list[str]:
    return [str(n) for n in range(max(0, number - FARTHEST), number + FARTHEST + 1)]
