"""Which traces of a problem are kept: those that the strict judge accepts, near-duplicates left out, the first ones.

Rejection sampling as in STaR (arXiv 2203.14465) and RFT (arXiv 2308.01825), which keeps distinct reasoning paths as
well: there two are the same when their equations are, here when their words nearly are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from counterpoint.distill.alike import distinct
from counterpoint.evaluation.traces import check
from counterpoint.generation.completion import Completion
from counterpoint.problem import Problem
from counterpoint.suites.suite import score

COUNTED = ("problems", "solved", "attempts", "accepted", "duplicates", "kept")


@dataclass(frozen=True)
class Chosen:
    """What became of the attempts at one problem; `kept` holds sample index and completion."""

    problem: Problem
    attempts: int
    accepted: int
    duplicates: int
    kept: tuple[tuple[int, Completion], ...]
    generated_tokens: int  # of all attempts; 0 where no model wrote them

    def counts(self) -> dict[str, int]:
        """The columns of `COUNTED`."""
        each = {"attempts": self.attempts, "accepted": self.accepted, "duplicates": self.duplicates}
        return {"problems": 1, "solved": int(bool(self.kept)), **each, "kept": len(self.kept)}


def choose(problem: Problem, completions: Sequence[Completion], keep: int, near_duplicate: float) -> Chosen:
    """Of the completions, in the order of their sample index, the first `keep` that are right and distinct.

    Right: the strict judge says so, and the limit of tokens did not cut it. `duplicates` counts those of the right ones
    that are alike by `near_duplicate` or more, in word 3-grams (`alike.distinct`), to one before them.
    """
    right = [(i, c) for i, c in enumerate(completions) if not c.truncated and score(problem, c.text).correct]
    places = distinct([c.text for _, c in right], near_duplicate)
    kept = tuple(right[place] for place in places[:keep])
    tokens = sum(completion.tokens for completion in completions)
    return Chosen(problem, len(completions), len(right), len(right) - len(places), kept, tokens)


def wrong_steps(chosen: Iterable[Chosen]) -> float | None:
    """The share of the kept traces' checkable steps that are false; None where no step can be checked."""
    truths = [
        step.correct
        for one in chosen
        for _, completion in one.kept
        if (trace := check(one.problem, completion.text))
        for step in trace.steps
        if step.correct is not None
    ]
    return truths.count(False) / len(truths) if truths else None


def acceptance(chosen: Sequence[Chosen]) -> Iterator[dict]:
    """The counts by family and difficulty, by family, and over all (`all`, None): as the mart `acceptance` has them."""
    totals: dict[tuple[str, int | None], dict[str, int]] = {}
    for one in chosen:
        family, difficulty = one.problem.family, one.problem.difficulty
        for key in ((family, difficulty), (family, None), ("all", difficulty), ("all", None)):
            total = totals.setdefault(key, dict.fromkeys(COUNTED, 0))
            for name, count in one.counts().items():
                total[name] += count
    for family, difficulty in sorted(totals, key=lambda k: (k[0] == "all", k[0], k[1] is None, k[1])):
        yield {"family": family, "difficulty": difficulty, **totals[family, difficulty]}


def rows(about: Mapping[str, object], chosen: Sequence[Chosen]) -> dict[str, list[dict]]:
    """Rows of `demonstrations`, `trace_problems` and `trace_sets`; `about` holds the set's name and how it was made."""
    name = about["trace_set"]
    each = [
        {
            "trace_set": name, "problem_id": one.problem.problem_id, **one.counts(),
            "generated_tokens": one.generated_tokens,
        }
        for one in chosen
    ]  # fmt: skip
    total = {column: sum(row[column] for row in each) for column in (*COUNTED, "generated_tokens")}
    return {
        "trace_sets": [{**about, **total, "wrong_steps": wrong_steps(chosen)}],
        "trace_problems": each,
        "demonstrations": [
            {
                "trace_set": name, "problem_id": one.problem.problem_id, "sample_index": index,
                "completion": completion.text, "tokens": completion.tokens or None,  # 0: no model wrote it
            }
            for one in chosen
            for index, completion in one.kept
        ],
    }  # fmt: skip
