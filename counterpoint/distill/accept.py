"""Which traces of a problem are kept: those that the strict judge accepts, near-duplicates left out, the first ones.

Rejection sampling as in STaR (arXiv 2203.14465) and RFT (arXiv 2308.01825), which keeps distinct reasoning paths as
well: there two are the same when their equations are, here when their words nearly are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from counterpoint.evaluation.traces import check
from counterpoint.generation.completion import Completion
from counterpoint.problem import Problem
from counterpoint.suites.suite import score

COUNTED = ("problems", "solved", "attempts", "accepted", "duplicates", "kept")
GRAM = 3  # words
_WORD = re.compile(r"\w+|[^\w\s]")
Grams = frozenset[tuple[str, ...]]


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
        values = (1, int(bool(self.kept)), self.attempts, self.accepted, self.duplicates, len(self.kept))
        return dict(zip(COUNTED, values, strict=True))


def choose(problem: Problem, completions: Sequence[Completion], keep: int, near_duplicate: float) -> Chosen:
    """Of the completions, in the order of their sample index, the first `keep` that are right and distinct.

    Right: the strict judge says so, and the limit of tokens did not cut it. `duplicates` counts those of the right ones
    that are alike by `near_duplicate` or more, in word 3-grams, to one before them.
    """
    right = [(i, c) for i, c in enumerate(completions) if not c.truncated and score(problem, c.text).correct]
    indices = distinct([c.text for _, c in right], near_duplicate)
    kept = tuple(right[index] for index in indices[:keep])
    tokens = sum(completion.tokens for completion in completions)
    return Chosen(problem, len(completions), len(right), len(right) - len(indices), kept, tokens)


def distinct(texts: Sequence[str], near: float) -> list[int]:
    """The indices of the texts that are neither equal nor alike by `near` or more to an earlier one of them."""
    kept: dict[int, Grams] = {}
    for index, text in enumerate(texts):
        new = grams(text)
        if text not in texts[:index] and all(likeness(new, old) < near for old in kept.values()):
            kept[index] = new
    return list(kept)


def grams(text: str) -> Grams:
    """The 3-grams of words and signs in the reasoning of a completion, without case and spacing.

    A reasoning of fewer words is one gram, an empty one none.
    """
    reasoning = text.partition("</think>")[0].partition("<think>")[2]
    words = tuple(_WORD.findall(reasoning.casefold()))
    last = max(len(words) - GRAM, 0)
    return frozenset(words[i : i + GRAM] for i in range(last + 1)) if words else frozenset()


def likeness(grams: Grams, others: Grams) -> float:
    """The share that two sets have in common (Jaccard's index); 1 for two empty ones."""
    together = len(grams | others)
    return len(grams & others) / together if together else 1.0


def wrong_steps(chosen: Iterable[Chosen]) -> float | None:
    """The share of the kept traces' checkable steps that are false; None where no step can be checked."""
    traces = (check(choice.problem, completion.text) for choice in chosen for _, completion in choice.kept)
    verdicts = [step.correct for trace in traces if trace for step in trace.steps if step.correct is not None]
    return verdicts.count(False) / len(verdicts) if verdicts else None


def acceptance(chosen: Sequence[Chosen]) -> Iterator[dict]:
    """The counts by family and difficulty, by family, and over all (`all`, None): as the mart `acceptance` has them."""
    totals: dict[tuple[str, int | None], Counter] = {}
    for choice in chosen:
        for family in (choice.problem.family, "all"):
            for difficulty in (choice.problem.difficulty, None):
                totals.setdefault((family, difficulty), Counter()).update(choice.counts())
    for family, difficulty in sorted(totals, key=lambda k: (k[0] == "all", k[0], k[1] is None, k[1])):
        yield {"family": family, "difficulty": difficulty, **totals[family, difficulty]}


def rows(about: Mapping[str, object], chosen: Sequence[Chosen]) -> dict[str, list[dict]]:
    """Rows of `demonstrations`, `trace_problems` and `trace_sets`; `about` holds the set's name and how it was made."""
    problems, demonstrations, total = [], [], Counter()
    for choice in chosen:
        key = {"trace_set": about["trace_set"], "problem_id": choice.problem.problem_id}
        counts = {**choice.counts(), "generated_tokens": choice.generated_tokens}
        total.update(counts)
        problems.append({**key, **counts})
        demonstrations += [
            # 0 tokens: no model wrote it
            {**key, "sample_index": index, "completion": completion.text, "tokens": completion.tokens or None}
            for index, completion in choice.kept
        ]
    trace_set = {**about, **total, "wrong_steps": wrong_steps(chosen)}
    return {"trace_sets": [trace_set], "trace_problems": problems, "demonstrations": demonstrations}
