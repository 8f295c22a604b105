"""Judge stored completions again: no model, no generation, and a list of every verdict that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from counterpoint.problem import Problem
from counterpoint.suites import SUITES
from counterpoint.suites.suite import score, score_leniently

VERDICTS = ("correct", "parsed", "extracted", "lenient_correct")


@dataclass(frozen=True)
class Change:
    """A stored row whose verdict is another now; `before` and `after` hold the columns of `VERDICTS` that it has."""

    row: dict
    before: dict
    after: dict
    reason: str

    @property
    def turned(self) -> bool:
        """Whether the strict judge now calls right what it called wrong, or the other way round."""
        return self.before["correct"] != self.after["correct"]


def rescore(rows: Iterable[dict], problems: Mapping[str, Problem]) -> Iterator[tuple[dict, Change | None]]:
    """Every row of `evals` or `completions` with today's verdict, and the change where there is one.

    Raises `KeyError` for a row whose problem is not among `problems`.
    """
    for row in rows:
        problem, suite = problems[row["problem_id"]], SUITES.get(row.get("suite", ""))
        verdict = score(problem, row["completion"], suite)
        now = {"correct": verdict.correct, "parsed": verdict.parsed, "extracted": verdict.extracted or ""}
        if "lenient_correct" in row:
            now["lenient_correct"] = score_leniently(problem, row["completion"], suite).correct
        before = {name: row[name] for name in VERDICTS if name in row}
        changed = Change(row, before, now, verdict.reason) if now != before else None
        yield {**row, **now}, changed
