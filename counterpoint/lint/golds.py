"""The gold answers of a user's file, read as `counterpoint judge` reads it."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

from counterpoint.errors import UserError, nearest
from counterpoint.lint.battery import Gold
from counterpoint.problem import ANSWER_TYPES
from counterpoint.sources import folder, mapping
from counterpoint.sources.converters import CONVERTERS
from counterpoint.sources.parsing import Refusal
from counterpoint.verify import LONGEST_ANSWER, answer_type


def read(path: Path, column: str = "answer", converter: str | None = None, kind: str | None = None) -> list[Gold]:
    """The golds of a file of JSON lines, JSON, CSV or Parquet.

    column: holds the answer. converter: reads it (`gsm8k_answer`, `boxed`, `letter`, …, as in a source's mapping).
    kind: the type of all answers; else a row's `answer_type`, else a choice where it has options, an expression where
    it has LaTeX, a number or text. Raises `UserError` naming file and line.
    """
    if converter and converter not in CONVERTERS:
        raise UserError(f"--with {converter!r}{nearest(converter, CONVERTERS)}")
    golds = []
    for record in folder.rows_of(path, path.parent):
        try:
            if record.row is None:
                raise Refusal(record.fault)
            golds.append(_gold(record.row, column, converter, kind))
        except Refusal as refusal:
            raise UserError(f"{path}, line {record.line}: {refusal}") from None
    if not golds:
        raise UserError(f"{path}: it has no rows")
    return golds


def _gold(row: dict[str, Any], column: str, converter: str | None, kind: str | None) -> Gold:
    options = mapping.options(row, "options") or () if row.get("options") else ()
    answer = mapping.text(row, {"column": column, "with": converter} if converter else column, options)
    if not answer:
        raise Refusal(f"its {column!r} is empty")
    if len(answer) > LONGEST_ANSWER:
        raise Refusal(
            f"its {column!r} is {len(answer)} characters long, no gold answer; --with boxed or --with gsm8k_answer"
        )
    kind = kind or (mapping.text(row, "answer_type") if "answer_type" in row else "") or _kind(answer, options)
    if kind not in ANSWER_TYPES:
        raise Refusal(f"its answer_type {kind!r}{nearest(kind, ANSWER_TYPES)}")
    question = next((row[name] for name in ("question", "problem", "prompt") if isinstance(row.get(name), str)), "")
    others = {name: value for name, value in row.items() if name != column and not _holds_bytes(value)}
    return Gold(answer, kind, tuple(options), question, others, column)


def _holds_bytes(value: Any) -> bool:
    """Pictures: a reward for answers needs none, and each call would carry them."""
    if isinstance(value, dict | list):
        return any(map(_holds_bytes, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes)


def _kind(answer: str, options: tuple[str, ...]) -> str:
    if options and answer in options:
        return "choice"
    return "expression" if "\\" in answer else answer_type(answer)


def spread(golds: list[Gold], number: int) -> list[Gold]:
    """At most so many of them, each answer once, evenly over the file, the types of answers in turn."""
    kinds: dict[str, dict[str, Gold]] = {}
    for gold in golds:
        kinds.setdefault(gold.answer_type, {}).setdefault(gold.answer, gold)
    share = max(1, number // len(kinds))
    rounds = zip_longest(*(_evenly(list(kind.values()), share) for kind in kinds.values()))
    return [gold for golds_of_a_round in rounds for gold in golds_of_a_round if gold]


def _evenly(golds: list[Gold], number: int) -> list[Gold]:
    return golds if len(golds) <= number else [golds[at * len(golds) // number] for at in range(number)]
