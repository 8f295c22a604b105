"""Rows of any origin to problems: the mapping that `source.fields` states, and the reason for each row refused.

    fields: {question: question, answer: answer, options: options, images: image, reasoning: [explanation, deduction]}

A field names a column, or a list of columns: their texts are joined by a space, their pictures follow one another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from counterpoint import prompt
from counterpoint.errors import UserError
from counterpoint.params import Source, nearest
from counterpoint.problem import Problem, decode, digest, fault
from counterpoint.verify import judge

FIELDS = ("id", "question", "answer", "answer_type", "options", "images", "reasoning", "text_twin", "difficulty")
REQUIRED = ("question", "answer")
FAMILY_FROM_FILE = "file"
_INTEGER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)?\.\d+", re.ASCII)


class Refusal(Exception):
    """Why one row cannot be used."""


@dataclass(frozen=True)
class Record:
    """One row where it stands: `file` for the reader, `line` from 1, `stem` the file's name without its ending.

    `fault` is set instead of `row` when it could not even be parsed; `folder` is where its pictures' paths start.
    """

    file: str
    line: int | None
    stem: str
    row: dict[str, Any] | None = None
    fault: str | None = None
    folder: Path | None = None


Picture = Callable[[Any, Record], bytes]  # a cell of an image column as encoded bytes; raises Refusal


def collect(records: Iterable[Record], source: Source, picture: Picture) -> tuple[list[Problem], list[dict]]:
    """Problems (not yet split) and rejects, both in the rows' order.

    Raises `UserError` when the mapping names unknown fields or a held-out family does not occur.
    """
    _check_mapping(source)
    problems: dict[str, Problem] = {}
    placed: list[tuple[Record, Problem]] = []
    rejects: list[dict] = []
    families: set[str] = set()

    def refuse(record: Record, reason: str, problem_id: str | None) -> None:
        place = {"source": source.name, "file": record.file, "line": record.line}
        rejects.append({**place, "problem_id": problem_id, "reason": reason})

    for record in records:
        own_id = None
        try:
            if record.row is None:
                raise Refusal(record.fault or "no row")
            own_id = _text(record.row, source.fields["id"]) or None if "id" in source.fields else None
            family = _family(record, source)
            families.add(family)
            problem = to_problem(record, source, family, own_id, picture)
        except Refusal as refusal:
            refuse(record, str(refusal), own_id)
            continue
        if problem.problem_id in problems:
            refuse(record, "a duplicate: an earlier row has this problem_id", problem.problem_id)
            continue
        problems[problem.problem_id] = problem
        placed.append((record, problem))
    for name in source.held_out_families:
        if name not in families:
            raise UserError(f"params.yaml: source.held_out_families: no row is of {name!r}{nearest(name, families)}")
    held = {p.state_id: p.family for p in problems.values() if p.family in source.held_out_families}
    for record, problem in placed:
        if problem.family not in source.held_out_families and problem.state_id in held:
            refuse(record, f"its picture occurs in the held-out family {held[problem.state_id]!r}", problem.problem_id)
            del problems[problem.problem_id]
    return list(problems.values()), rejects


def to_problem(record: Record, source: Source, family: str, own_id: str | None, picture: Picture) -> Problem:
    """One row as a problem of the split `train`, where `assign` may move it. Raises `Refusal`."""
    row, fields = record.row, source.fields
    question = " ".join(_text(row, fields["question"]).replace("<image>", " ").split())
    answer = _text(row, fields["answer"])
    options = _options(row, fields["options"]) if "options" in fields else None
    cells = [cell for column in _columns(fields.get("images", [])) for cell in _as_list(_cell(row, column))]
    images = tuple(_checked(picture(cell, record)) for cell in cells)
    # by the picture alone: several questions about one picture stay on one side of the split
    state_id = digest([digest(data.hex(), length=64) for data in images] or question)
    problem = Problem(
        state_id=state_id,
        problem_id=own_id or digest(source.name, family, state_id, question, options, answer),
        source=source.name,
        family=family,
        split="train",
        difficulty=_difficulty(row, fields["difficulty"]) if "difficulty" in fields else 1,
        question=question,
        images=images,
        answer=answer,
        answer_type=_text(row, fields["answer_type"]) if "answer_type" in fields else _type(answer, options),
        options=options,
        reasoning=_text(row, fields["reasoning"]) or None if "reasoning" in fields else None,
        text_twin=_text(row, fields["text_twin"]) or None if "text_twin" in fields else None,
        template_id=family,
    )
    if reason := fault(problem):
        raise Refusal(reason)
    gold = prompt.completion_text(problem.reasoning or "", answer)
    verdict = judge(gold, answer, problem.answer_type, list(options) if options else None)
    if not verdict.correct:  # such a problem could never be answered right
        raise Refusal(f"its own gold answer is not judged correct: {verdict.reason}")
    return problem


def _check_mapping(source: Source) -> None:
    for name, column in source.fields.items():
        if name not in FIELDS:
            raise UserError(f"params.yaml: unknown key source.fields.{name}{nearest(name, FIELDS)}")
        if not _columns(column) or not all(isinstance(c, str) for c in _columns(column)):
            raise UserError(f"params.yaml: source.fields.{name} must name a column or several, not {column!r}")
    for name in REQUIRED:
        if name not in source.fields:
            raise UserError(f"params.yaml: source.fields.{name} is missing; say which column holds the {name}")


def _family(record: Record, source: Source) -> str:
    if source.family == FAMILY_FROM_FILE:
        return record.stem
    return _text(record.row, source.family) or _refuse(f"its family ({source.family!r}) is empty")


def _refuse(reason: str) -> NoReturn:
    raise Refusal(reason)


def _columns(mapped: Any) -> list:
    return mapped if isinstance(mapped, list) else [mapped]


def _as_list(cell: Any) -> list:
    return [] if cell is None or cell == "" else cell if isinstance(cell, list) else [cell]


def _cell(row: dict[str, Any], column: str) -> Any:
    if column not in row:
        raise Refusal(f"no column {column!r}{nearest(column, map(str, row))}")
    return row[column]


def _plain(value: Any) -> str:
    """A cell as text: 9, 9.0 and "9" are the same answer."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str | int | float):
        raise Refusal(f"{value!r:.60} is no text or number")
    return str(value).strip()


def _text(row: dict[str, Any], mapped: Any) -> str:
    return " ".join(text for column in _columns(mapped) if (text := _plain(_cell(row, column))))


def _options(row: dict[str, Any], mapped: Any) -> tuple[str, ...] | None:
    found = []
    for column in _columns(mapped):
        cell = _cell(row, column)
        if isinstance(cell, str) and cell.strip().startswith("["):  # a list in a CSV cell
            try:
                cell = json.loads(cell)
            except (ValueError, RecursionError):
                raise Refusal(f"its options {cell!r:.60} are no JSON list") from None
        found += [_plain(option) for option in _as_list(cell)]
    if len(set(found)) != len(found) or "" in found:
        raise Refusal(f"its options {found} repeat or hold an empty one")
    return tuple(found) or None


def _difficulty(row: dict[str, Any], mapped: Any) -> int:
    text = _text(row, mapped)
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII):
        raise Refusal(f"its difficulty {text!r:.60} is no whole number")
    return int(text)


def _type(answer: str, options: tuple[str, ...] | None) -> str:
    if options:
        return "choice"
    if _INTEGER.fullmatch(answer):
        return "integer"
    return "number" if _NUMBER.fullmatch(answer) else "text"


def _checked(data: bytes) -> bytes:
    """The bytes as they are, once they decode: a picture of any size is scaled by the model's own processor."""
    try:
        decode(data)
    except Exception as error:  # Pillow's decoders raise many kinds on hostile bytes
        raise Refusal(f"its picture cannot be read: {error}") from None
    return data
