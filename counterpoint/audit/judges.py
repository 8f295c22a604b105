"""Whose word on held-out answers a run takes: the judges of this package by name, or a function of the user's.

Any function that TRL takes for a reward is a judge. It is called with `prompts`, `completions`, `completion_ids` and
the columns of the rows, by name, and returns one number a completion, from 0 (wrong) to 1 (right). None (or NaN), as
in TRL, leaves the problem out.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from counterpoint.audit import metric_names
from counterpoint.audit.asked import column
from counterpoint.audit.completions import text
from counterpoint.errors import UserError, nearest, one_line
from counterpoint.verify import answer_type, judge, judge_leniently
from counterpoint.verify.verdict import Verdict, unreadable

NAMED = {"strict": judge, "lenient": judge_leniently}
GIVEN = ("prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric")  # beside the columns
Answers = Sequence[tuple[Mapping[str, Any], Any, list[int]]]  # the row, its completion, and that one's token ids
Judged = list[tuple[float | None, bool | None]]  # an answer's mark, and whether it could be read, None where unknown


def ready(chosen: str | Callable, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Callable[..., Judged]:
    """The judge of `rows`, ready to be called with answers to them and the trainer's state.

    Raises `UserError` for an unknown name, a function that asks for a column that is not there, and, where a judge of
    this package is named, for rows without a final answer. Called, it raises `UserError` for a function that fails or
    returns something else than one number from 0 to 1 an answer.
    """
    if isinstance(chosen, str):
        if chosen not in NAMED:
            raise UserError(f"judge: no judge is called {chosen!r}{nearest(chosen, NAMED)}; or give a function")
        return _named(chosen, columns, rows)
    if not callable(chosen) or hasattr(chosen, "parameters"):  # a torch module is a model
        raise UserError(f"judge: give 'strict', 'lenient' or a function, not {type(chosen).__name__}")
    return _function(chosen, columns)


def _named(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Callable[..., Judged]:
    gold = metric_names.gold_column(columns)
    if gold is None:
        raise UserError(
            f"judge: {name!r} needs the right answers, and none of the columns {', '.join(columns)} holds them; name "
            f"it `solution` (or {', '.join(metric_names.GOLD[1:])})"
        )
    for number, answer in enumerate(column(rows, gold)):
        if isinstance(answer, bool) or not isinstance(answer, (str, int, float)) or unreadable(str(answer).strip()):
            raise UserError(
                f"row {number}: {gold} is {str(answer)!r:.60}, which {name!r} cannot compare with an answer; give the "
                "final answer alone, or a function as judge"
            )

    def decide(row: Mapping[str, Any], completion: Any) -> Verdict:
        answer = str(row[gold]).strip()
        kind, options = row.get("answer_type") or answer_type(answer), row.get("options")
        return NAMED[name](text(completion), answer, kind, list(options) if options else None)

    def judged(answers: Answers, state: Any) -> Judged:
        verdicts = [decide(row, completion) for row, completion, _ in answers]
        return [(float(verdict.correct), verdict.parsed) for verdict in verdicts]

    return judged


def _function(function: Callable, columns: Sequence[str]) -> Callable[..., Judged]:
    name = getattr(function, "__name__", type(function).__name__)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of a function that is not written in Python
        parameters = ()
    given = {*GIVEN, *columns} - {"prompt"}
    asked = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    lacking = [p.name for p in asked if p.default is p.empty and (p.name not in given or p.kind is p.POSITIONAL_ONLY)]
    if lacking:
        raise UserError(
            f"judge: {name} asks for {', '.join(lacking)}, which the held-out rows do not have (given by name: "
            f"{', '.join(sorted(given))})"
        )
    takes_all = not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters)
    taken = given if takes_all else given.intersection(p.name for p in asked)

    def judged(answers: Answers, state: Any) -> Judged:
        rows, completions, token_ids = (list(part) for part in zip(*answers, strict=True))
        arguments = {name: [row[name] for row in rows] for name in columns if name != "prompt"} | {
            "prompts": [row["prompt"] for row in rows],
            "completions": completions,
            "completion_ids": token_ids,
            "trainer_state": state,
            "log_extra": _nothing,  # what a reward function logs is of its training batch
            "log_metric": _nothing,
        }
        try:
            marks = function(**{key: value for key, value in arguments.items() if key in taken})
            if inspect.iscoroutine(marks):
                with ThreadPoolExecutor(1) as pool:  # this thread may have a loop of its own
                    marks = pool.submit(asyncio.run, marks).result()
        except Exception as error:
            raise UserError(f"judge: {name} failed: {type(error).__name__}: {one_line(error)}") from error
        return [(mark, None) for mark in _marks(name, marks, len(answers))]

    return judged


def _nothing(*_: Any) -> None:
    """Stands for what logs."""


def _marks(name: str, marks: Any, number: int) -> list[float | None]:
    """One mark an answer, None for NaN too."""
    wanted = "it must return a list of one number from 0 (wrong) to 1 (right) a completion, or None"
    try:
        if any(isinstance(mark, str) for mark in marks):
            raise TypeError
        values = [None if mark is None else float(mark) for mark in marks]
    except (TypeError, ValueError):
        raise UserError(f"judge: {name} returned {marks!r:.60}; {wanted}") from None
    if len(values) != number:
        raise UserError(f"judge: {name} returned {len(values)} marks for {number} completions; {wanted}")
    values = [None if value is None or math.isnan(value) else value for value in values]
    for value in values:
        if value is not None and not 0 <= value <= 1:
            raise UserError(f"judge: {name} returned {value:g}; {wanted}")
    return values
