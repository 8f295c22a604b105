"""Traces that are written from the problem, without any model: one a problem."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random

from counterpoint.errors import UserError
from counterpoint.evaluation.traces import Step, check, sentences
from counterpoint.problem import Problem, digest
from counterpoint.prompt import completion_text
from counterpoint.sources.families import FAMILIES
from counterpoint.sources.families.common import UNKNOWN_STATE

WAYS = ("oracle", "answer_only", "foreign", "noisy")
_NUMBER = r"\d{1,9}"
FARTHEST = 3  # how far a wrong number lies from the right one at most


def written(way: str, problems: Sequence[Problem], noise: float = 0.0, seed: int = 0) -> list[str]:
    """A completion for each problem, in their order.

    way: `oracle` is the problem's own reasoning; `answer_only` none; `foreign` the same facts in another style;
    `noisy` its own reasoning with the share `noise` (0 to 1) of steps made wrong, chosen by `seed`. Raises `UserError`
    for a problem without what the way needs: reasoning (oracle, noisy), a known latent state (foreign), or steps that
    can be checked (noisy).
    """
    if way == "answer_only":
        return [completion_text("", p.answer) for p in problems]
    if way == "foreign":
        return [_foreign(p) for p in problems]
    for p in problems:
        if not (p.reasoning or "").strip():
            raise UserError(
                f"problem {p.problem_id} ({p.source}) has no gold reasoning, of which {way} traces are made; map "
                "source.fields.reasoning, or give the arms a kind of traces whose way is sampled or answer_only"
            )
    if way == "noisy":
        return _noisy(problems, noise, seed)
    return [completion_text(p.reasoning, p.answer) for p in problems]


def _foreign(problem: Problem) -> str:
    """The completion in its family's other style, written from latent state and question, never from the gold trace."""
    try:
        family = FAMILIES[problem.family]
        reasoning, answer = family.foreign(*family.asked(problem))
    except UNKNOWN_STATE:
        raise UserError(
            f"problem {problem.problem_id} ({problem.source}): its latent state is not known, so no foreign style can "
            "be written for it; there a foreign kind is a sampled one with another model as teacher "
            "(kinds.foreign: way sampled, teacher RUN)"
        ) from None
    return completion_text(reasoning, answer)


def _noisy(problems: Sequence[Problem], share: float, seed: int) -> list[str]:
    """The gold completions, `share` of all their steps made wrong; later steps and the answer stay as they are.

    `counterpoint.evaluation.traces.check` says which steps can be told true from false, and whether a change made one
    step wrong and left all others as they were. A hash of seed, problem and step decides which steps are changed, so
    nearly the same steps are wrong in a part of the problems. A step that cannot be changed alone is passed over (a
    walk's cell between two that are wrong already): above 0.8 or so the share is not reached.
    """
    traces = [sentences(completion_text(p.reasoning, p.answer))[0] for p in problems]
    ranked: list[tuple[str, int, int]] = []
    for index, (problem, steps) in enumerate(zip(problems, traces, strict=True)):
        truths = [step.correct for step in _checked(problem, steps)]
        if True not in truths:
            raise UserError(
                f"problem {problem.problem_id} ({problem.source}): no step of its reasoning can be checked, so none "
                "can be made wrong knowingly; take arms with noisy traces out of runs"
            )
        for position, truth in enumerate(truths):
            if truth:
                ranked.append((digest("noise", seed, problem.problem_id, position), index, position))
    wanted = round(share * len(ranked))
    for rank, index, position in sorted(ranked):
        if not wanted:
            break
        changed = _falsified(problems[index], traces[index], position, Random(int(rank, 16)))
        if changed:
            traces[index] = changed
            wanted -= 1
    return [_completion(problem, steps) for problem, steps in zip(problems, traces, strict=True)]


def _completion(problem: Problem, steps: Sequence[str]) -> str:
    return completion_text(" . ".join(steps) + " .", problem.answer)


def _checked(problem: Problem, steps: Sequence[str]) -> tuple[Step, ...]:
    trace = check(problem, _completion(problem, steps))
    return trace.steps if trace else ()


def _falsified(problem: Problem, steps: list[str], position: int, rng: Random) -> list[str] | None:
    """The steps with the one at `position` false, and all others as true or false as they were."""
    wanted = [(step.kind, step.correct) for step in _checked(problem, steps)]
    wanted[position] = (wanted[position][0], False)
    for text in _changed(steps[position], FAMILIES[problem.family].names, rng):
        trial = [*steps[:position], text, *steps[position + 1 :]]
        if [(step.kind, step.correct) for step in _checked(problem, trial)] == wanted:
            return trial
    return None


def _changed(text: str, names: Sequence[str], rng: Random) -> Iterator[str]:
    """The sentence with one of its numbers, or of the names, changed, in random order."""
    changes = [
        (match, other)
        for match in re.finditer(rf"\b(?:{'|'.join((*names, _NUMBER))})\b", text, re.ASCII)
        for other in (names if match[0] in names else _near(int(match[0])))
        if other != match[0]
    ]
    for match, other in rng.sample(changes, len(changes)):
        yield f"{text[: match.start()]}{other}{text[match.end() :]}"


def _near(number: int) -> list[str]:
    return [str(n) for n in range(max(0, number - FARTHEST), number + FARTHEST + 1)]
