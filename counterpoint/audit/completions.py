"""Completions that a run saved, judged again: strictly, or by the lenient judge where another format was asked.

Read as data alone; at most `FILES` files, spread evenly over the run, and `ROWS` rows of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from counterpoint.audit.log import Check, SavedCompletions
from counterpoint.verify import answer_type, judge, judge_leniently

FILES, ROWS = 60, 512
LONGEST = 100_000  # characters of a completion that are judged
READABLE = 0.25  # of the completions of all files: below it a judge does not know the run's format
Judge = Callable[[str, str, str], object]


def spread(files: Sequence) -> list:
    """At most `FILES` of them, evenly spread, the first and the last among them."""
    if len(files) <= FILES:
        return list(files)
    return [files[round(index * (len(files) - 1) / (FILES - 1))] for index in range(FILES)]


def text(completion: object) -> str:
    """The words of a completion: a text, or a conversation's assistant turns."""
    if isinstance(completion, str):
        return completion[:LONGEST]
    if isinstance(completion, list):
        turns = [turn for turn in completion if isinstance(turn, dict) and turn.get("role", "assistant") == "assistant"]
        return "".join(str(turn.get("content") or "") for turn in turns)[:LONGEST]
    return ""


def judged(
    batches: Iterable[tuple[int, list[dict]]], paid_columns: Sequence[str], what: str = "completions"
) -> SavedCompletions:
    """Judge rows with `completion`, `gold` and what the reward paid (`paid_columns`), step by step.

    The strict judge is asked first; where it can read too few, the lenient one. Where neither can, the reason.
    """
    batches = [(step, rows) for step, rows in batches if rows]
    if not batches:
        return SavedCompletions(missing="no completion with its right answer was saved")
    for decide, name in ((judge, "strict"), (judge_leniently, "lenient")):
        checks = tuple(_check(step, rows, paid_columns, decide) for step, rows in batches)
        if max(check.parsed for check in checks) >= READABLE:
            number = sum(check.number for check in checks)
            return SavedCompletions(checks, f"the {name} judge here, on {number} {what}")
    return SavedCompletions(missing="no judge here can read the answers of the saved completions")


def _check(step: int, rows: list[dict], paid_columns: Sequence[str], decide: Judge) -> Check:
    verdicts = [decide(row["completion"], row["gold"], answer_type(row["gold"])) for row in rows]
    paid = [any(_pays(row.get(name)) for name in paid_columns) for row in rows]
    pairs = [(is_paid, verdict.correct) for is_paid, verdict in zip(paid, verdicts, strict=True)]

    def share(flags: Iterable[bool]) -> float:
        return sum(flags) / len(rows)

    check = Check(
        step=step,
        number=len(rows),
        right=share(verdict.correct for verdict in verdicts),
        parsed=share(verdict.parsed for verdict in verdicts),
        paid=share(paid),
        false_positive=share(is_paid and not right for is_paid, right in pairs),
        false_negative=share(right and not is_paid for is_paid, right in pairs),
    )
    return check if paid_columns else replace(check, paid=math.nan, false_positive=math.nan, false_negative=math.nan)


def _pays(value: object) -> bool:
    return isinstance(value, (int, float)) and value >= 0.5


def usable(rows: Iterable[dict], completion: str, gold: str) -> list[dict]:
    """Rows with a readable gold answer, under the names `completion` and `gold`."""
    return [
        {**row, "completion": text(row[completion]), "gold": str(row[gold])}
        for row in rows
        if isinstance(row.get(gold), (str, int, float)) and row.get(completion) is not None and str(row[gold]).strip()
    ]
