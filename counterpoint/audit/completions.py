"""Completions that a run saved, judged again: strictly, or by the lenient judge where another format was asked.

Read as data alone; at most `FILES` files, spread evenly over the run, and `ROWS` rows of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from counterpoint.audit import metric_names
from counterpoint.audit.log import Check, SavedCompletions
from counterpoint.verify import judge, judge_leniently

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


def answer_type(gold: str) -> str:
    """How the gold answer is compared: as a number where it is one."""
    try:
        return "number" if math.isfinite(float(gold.replace(",", ""))) else "text"
    except ValueError:
        return "text"


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
    number = len(rows)
    right = np.array([verdict.correct for verdict in verdicts])
    paid = np.array([any(_pays(row.get(name)) for name in paid_columns) for row in rows])

    def share(values: np.ndarray) -> float:
        return int(values.sum()) / number

    return Check(
        step=step,
        number=number,
        right=share(right),
        parsed=sum(verdict.parsed for verdict in verdicts) / number,
        paid=share(paid) if paid_columns else math.nan,
        false_positive=share(paid & ~right) if paid_columns else math.nan,
        false_negative=share(right & ~paid) if paid_columns else math.nan,
    )


def _pays(value: object) -> bool:
    return isinstance(value, (int, float)) and value >= 0.5


def usable(rows: Iterable[dict], completion: str, gold: str) -> list[dict]:
    """Rows with a readable gold answer, under the names `completion` and `gold`."""
    return [
        {**row, "completion": text(row[completion]), "gold": str(row[gold])}
        for row in rows
        if isinstance(row.get(gold), (str, int, float)) and row.get(completion) is not None and str(row[gold]).strip()
    ]


def paying(columns: Iterable[str]) -> list[str]:
    """The columns of reward terms that claim an answer to be right."""
    return [name for name in columns if metric_names.kind_of_term(name) == "accuracy"]
