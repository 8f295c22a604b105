"""Run suites over a model and keep every item: rows of the `evals` table."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence

from counterpoint.generation.decode import Completion, generate, requests
from counterpoint.problem import Problem
from counterpoint.suites import SUITES
from counterpoint.verify import judge

log = logging.getLogger(__name__)


def item(problem: Problem, completion: Completion) -> dict:
    """A completion with its verdict, as columns of `evals`."""
    options = list(problem.options) if problem.options else None
    verdict = judge(completion.text, problem.answer, problem.answer_type, options)
    return {
        "problem_id": problem.problem_id,
        "cluster_id": problem.state_id,
        "completion": completion.text,
        "extracted": verdict.extracted,
        "correct": verdict.correct,
        "parsed": verdict.parsed,
        "truncated": completion.truncated,
        "tokens": completion.tokens,
    }


def evaluate(
    run_id: str,
    model,
    processor,
    problems: dict[str, Sequence[Problem]],
    instruction: str,
    conditions: Iterable[str],
    max_tokens: int,
    batch_size: int,
) -> Iterator[dict]:
    """Greedy answers of a model to every suite under every condition, one row an item. `problems` by suite."""
    for suite, members in problems.items():
        for condition in conditions:
            began = time.monotonic()
            wanted = requests(members, instruction, SUITES[suite].words, condition)
            completions = generate(
                model, processor, wanted, max_tokens, batch_size=batch_size, label=f"{run_id} {suite} {condition}"
            )
            rows = [item(p, c) for p, c in zip(members, completions, strict=True)]
            accuracy = sum(row["correct"] for row in rows) / len(rows)
            rate = len(rows) / (time.monotonic() - began)
            log.info("%s %s %s: %.3f of %d, %.0f items/s", run_id, suite, condition, accuracy, len(rows), rate)
            key = {"run_id": run_id, "suite": suite, "condition": condition, "decoding": "greedy", "sample_index": 0}
            yield from ({**key, **row} for row in rows)
