"""Whether the steps of a trace are true, and whether the answer follows from them: rows of the `traces` table.

The latent state of a procedural problem is known, so its reasoning can be checked and not only its answer:

- a `perceive` step ("7 in all , 3 red") is correct when it agrees with the latent state under the question's rule, and
  leaves nothing out where the question is about all that is drawn (every `cards`, the tallest bar of a `chart`);
- a `compute` step ("7 - 3 = 4", "right b3", "most 5") is correct when it is right given what the trace said before,
  whether or not that was true: an error counts once, at the step where it is made. Whether its operands are those that
  the question calls for is not asked of it; where they are not, true steps lead to a wrong answer, which the mart
  `faithfulness` counts as `wrong_though_sound`;
- any other text is a step of kind `other` with `correct` null: neither true nor false.

Problems of other sources have no latent state, hence no trace; nor has `perception`, which asks for a description.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from counterpoint.problem import Problem
from counterpoint.sources.families import FAMILIES
from counterpoint.sources.families.common import UNKNOWN_STATE, Reader
from counterpoint.verify import extract, matches

KEY = ("run_id", "suite", "problem_id", "decoding", "sample_index")
LONGEST_TEXT = 200  # characters of a step that are kept in the table
_END = re.compile(r"\.(?!\d)|\n", re.ASCII)  # the end of a step, not the point of a decimal number


@dataclass(frozen=True)
class Step:
    """One step of the reasoning as written: `kind` is `perceive`, `compute` or `other`; of `other` nothing is said."""

    kind: str
    text: str
    correct: bool | None


@dataclass(frozen=True)
class Trace:
    """The steps in their order; `answer` as written, None where the strict judge reads none.

    `answer_follows` is None where there is no answer, or no true or false step that it could follow from.
    """

    steps: tuple[Step, ...]
    answer: str | None
    answer_follows: bool | None


def _reader(problem: Problem) -> Reader | None:
    """What reads traces of this problem; None for one without a latent state, or that asks for no reasoning."""
    family = FAMILIES.get(problem.family)
    if family is None or family.reader is None:
        return None
    try:
        latent, operation, question = family.asked(problem)
        return family.reader(latent, operation, question) if operation in family.wordings else None
    except UNKNOWN_STATE:
        return None


def sentences(completion: str) -> tuple[list[str], str]:
    """The finished steps between `<think>` and `</think>`, and the unfinished one where the reasoning was cut off."""
    thought, closed, _ = completion.partition("</think>")
    if not closed and "<think>" not in thought:
        return [], ""
    parts = _END.split(thought.split("<think>", 1)[-1])
    rest = "" if closed else parts.pop()
    return [text for part in parts if (text := " ".join(part.split()))], " ".join(rest.split())


def _step(reader: Reader, text: str) -> Step:
    plain = text.casefold()
    for kind, read in (("compute", reader.compute), ("perceive", reader.perceive)):
        correct = read(plain)
        if correct is not None:
            return Step(kind, text, correct)
    return Step("other", text, None)


def check(problem: Problem, completion: str) -> Trace | None:
    """The trace of one completion, each step checked against the problem's latent state.

    The answer follows when it is what the last computed step says, or, if none is computed, what is perceived of the
    thing asked about. None for a problem without a latent state, or with one that is only to be described
    (`perception`). Never raises on any completion; linear in its length.
    """
    reader = _reader(problem)
    if reader is None:
        return None
    finished, rest = sentences(completion)
    steps = [_step(reader, text) for text in finished]
    if rest:
        steps.append(Step("other", rest, None))
    answer = extract(completion)[0]
    conclusions = reader.conclusion() if answer is not None else None
    options = list(problem.options) if problem.options else None
    follows = None
    if conclusions is not None:
        follows = any(matches(answer, conclusion, problem.answer_type, options) for conclusion in conclusions)
    return Trace(tuple(steps), answer, follows)


def rows(answers: Iterable[dict], problems: Mapping[str, Problem]) -> Iterator[dict]:
    """Rows of `traces` for rows of `evals` under `normal`; `problems` by id.

    The steps of a completion from 0, then one of kind `answer` that says whether it follows; no row for a problem
    without a latent state.
    """
    for row in answers:
        if row["condition"] != "normal":
            continue
        trace = check(problems[row["problem_id"]], row["completion"])
        if trace is None:
            continue
        key = {name: row[name] for name in KEY}
        answer = Step("answer", trace.answer or "", trace.answer_follows)
        for index, step in enumerate((*trace.steps, answer)):
            text = step.text[:LONGEST_TEXT]
            yield {**key, "step_index": index, "kind": step.kind, "text": text, "correct": step.correct}
