"""Completions that a run saved, judged again: strictly, or by the lenient judge where another format was asked.

Read as data alone; at most `FILES` files, spread evenly over the run, and `ROWS` rows of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from counterpoint.audit import named
from counterpoint.audit.log import Check
from counterpoint.verify import judge, judge_leniently

FILES, ROWS = 60, 512
LONGEST = 100_000  # characters of a completion that are judged
READABLE = 0.25  # of the completions of all files: below it a judge does not know the run's format
Judge = Callable[[str, str, str], object]


def spread(files: Sequence[Path]) -> list[Path]:
    """At most `FILES` of them, the first and the last among them."""
    if len(files) <= FILES:
        return list(files)
    return [files[round(place * (len(files) - 1) / (FILES - 1))] for place in range(FILES)]


def text(completion: object) -> str:
    """The words of a completion: a text, or a conversation's assistant turns."""
    if isinstance(completion, str):
        return completion[:LONGEST]
    if isinstance(completion, list):
        turns = [turn for turn in completion if isinstance(turn, dict) and turn.get("role", "assistant") == "assistant"]
        return "".join(str(turn.get("content") or "") for turn in turns)[:LONGEST]
    return ""


def answer_type(gold: str) -> str:
    """How the gold answer is compared: as a number where it is one."""
    try:
        return "number" if math.isfinite(float(gold.replace(",", ""))) else "text"
    except ValueError:
        return "text"


def checks(batches: Iterable[tuple[int, list[dict]]], paid_columns: Sequence[str]) -> tuple[list[Check], str]:
    """What two judges say, step by step, of rows with `completion`, `gold` and what the reward paid; and which judge.

    Empty, with the reason, where neither judge can read the completions.
    """
    batches = [(step, rows) for step, rows in batches if rows]
    if not batches:
        return [], "no completion with its right answer was saved"
    for decide, name in ((judge, "strict"), (judge_leniently, "lenient")):
        found = [_check(step, rows, paid_columns, decide) for step, rows in batches]
        if max(check.parsed for check in found) >= READABLE:
            return found, name
    return [], "no judge here can read the answers of the saved completions"


def _check(step: int, rows: list[dict], paid_columns: Sequence[str], decide: Judge) -> Check:
    verdicts = [decide(row["completion"], row["gold"], answer_type(row["gold"])) for row in rows]
    right = [verdict.correct for verdict in verdicts]
    number = len(rows)
    claims = [
        any(isinstance(row.get(name), (int, float)) and row[name] >= 0.5 for name in paid_columns) for row in rows
    ]
    known = bool(paid_columns)
    wrong_paid = sum(paid and not ok for paid, ok in zip(claims, right, strict=True))
    right_unpaid = sum(ok and not paid for paid, ok in zip(claims, right, strict=True))
    return Check(
        step=step,
        number=number,
        right=sum(right) / number,
        parsed=sum(verdict.parsed for verdict in verdicts) / number,
        paid=sum(claims) / number if known else math.nan,
        false_positive=wrong_paid / number if known else math.nan,
        false_negative=right_unpaid / number if known else math.nan,
    )


def usable(rows: Iterable[dict], completion: str, gold: str) -> list[dict]:
    """Rows with a readable gold answer, under the names `completion` and `gold`."""
    return [
        {**row, "completion": text(row[completion]), "gold": str(row[gold])}
        for row in rows
        if isinstance(row.get(gold), (str, int, float)) and row.get(completion) is not None and str(row[gold]).strip()
    ]


def paying(columns: Iterable[str]) -> list[str]:
    """The columns of reward terms that claim an answer to be right."""
    return [name for name in columns if named.kind_of_term(name) == "accuracy"]
