"""Run suites over a model and keep every item: rows of the `evals` table."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence

from counterpoint.evaluation.answers import Decoding, Model, answer
from counterpoint.generation.completion import Completion
from counterpoint.problem import Problem
from counterpoint.suites import SUITES
from counterpoint.suites.suite import Suite, score, score_leniently
from counterpoint.suites.views import views

log = logging.getLogger(__name__)


def item(problem: Problem, completion: Completion, suite: Suite | None = None) -> dict:
    """A completion with its verdicts, as columns of `evals`."""
    verdict = score(problem, completion.text, suite)
    return {
        "problem_id": problem.problem_id,
        "cluster_id": problem.state_id,
        "completion": completion.text,
        "extracted": verdict.extracted or "",
        "correct": verdict.correct,
        "parsed": verdict.parsed,
        "lenient_correct": score_leniently(problem, completion.text, suite).correct,
        "truncated": completion.truncated,
        "tokens": completion.tokens,
    }


def evaluate(
    run_id: str,
    model: Model,
    problems: dict[str, Sequence[Problem]],
    instruction: str,
    conditions: Iterable[str],
    decodings: dict[str, Sequence[Decoding]],
    batch_size: int,
) -> Iterator[dict]:
    """A model's answers to every suite, one row an item, condition, decoding and sample.

    `problems` and `decodings` by suite; only the suite as it is (`normal`) is sampled.
    """
    for suite, members in problems.items():
        for condition in conditions:
            shown = views(members, instruction, SUITES[suite], condition)
            for decoding in decodings[suite]:
                if decoding.samples and condition != "normal":
                    continue
                began, before = time.monotonic(), model.generated
                label = f"{run_id} {suite} {condition} {decoding.name}"
                answers = answer(model, shown, decoding, batch_size, label)
                key = {"run_id": run_id, "suite": suite, "condition": condition, "decoding": decoding.name}
                rows = [
                    {**key, "sample_index": index, **item(problem, completion, SUITES[suite])}
                    for problem, completions in zip(members, answers, strict=True)
                    for index, completion in zip(decoding.indices, completions, strict=True)
                ]
                accuracy = sum(row["correct"] for row in rows) / len(rows)
                seconds, made = time.monotonic() - began, model.generated - before
                log.info("%s: %.3f of %d, %d generated in %.1f s", label, accuracy, len(rows), made, seconds)
                yield from rows
