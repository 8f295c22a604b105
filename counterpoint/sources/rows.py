"""Rows of any origin to problems, by the mapping that `source.fields` states, and the reason for each row refused."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from counterpoint import prompt
from counterpoint.errors import UserError, nearest
from counterpoint.params import Source
from counterpoint.problem import Problem, digest, fault
from counterpoint.sources import mapping, pictures
from counterpoint.sources.parsing import Record, Refusal
from counterpoint.verify import judge

FROM_FILE = "file"  # what `family` and `part` say instead of a column
_INTEGER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)?\.\d+", re.ASCII)
_LATEX = re.compile(r"\\[A-Za-z]")

ReadCell = Callable[[Any, Record], bytes]  # a cell of an image column as encoded bytes; raises Refusal


def collect(records: Iterable[Record], source: Source, read: ReadCell) -> tuple[list[Problem], list[dict]]:
    """Problems and rejects, both in the rows' order. A problem's split is the one that `source.parts` names for its
    row, or `train` where there are no parts: `splits` draws from there. Pictures wait on disk (`pictures.Aside`).

    Raises `UserError` when the mapping names unknown fields or a held-out family does not occur.
    """
    mapping.check(source.fields)
    problems: dict[str, Problem] = {}
    placed: list[tuple[Record, Problem]] = []
    groups: list[str] = []
    rejects: list[dict] = []
    families: set[str] = set()
    aside = pictures.Aside()

    def refuse(record: Record, reason: str, problem_id: str | None) -> None:
        place = {"source": source.name, "file": record.file, "line": record.line}
        said = reason.encode("utf-8", "backslashreplace").decode()  # a column's name may hold half a character
        rejects.append({**place, "problem_id": problem_id, "reason": said})

    for record in records:
        own_id = None
        try:
            if record.row is None:
                raise Refusal(record.fault or "no row")
            split = _split(record, source)
            if split is None:
                continue
            own_id = mapping.text(record.row, source.fields["id"]) or None if "id" in source.fields else None
            family = _family(record, source)
            families.add(family)
            problem = to_problem(record, source, family, own_id, read, aside)
            group = mapping.text(record.row, source.fields["state"]) if "state" in source.fields else ""
        except Refusal as refusal:
            refuse(record, str(refusal), own_id)
            continue
        if problem.problem_id in problems:
            refuse(record, "a duplicate: an earlier row has this problem_id", problem.problem_id)
            continue
        problems[problem.problem_id] = problem = dataclasses.replace(problem, split=split)
        placed.append((dataclasses.replace(record, row=None), problem))  # a row may hold its pictures
        groups.append(group)
    for name in source.held_out_families:
        if name not in families:
            raise UserError(f"params.yaml: source.held_out_families: no row is of {name!r}{nearest(name, families)}")
    if "state" in source.fields:
        states = _joined([problem.state_id for _, problem in placed], groups, source.name)
        placed = [(r, dataclasses.replace(p, state_id=s)) for (r, p), s in zip(placed, states, strict=True)]
        problems = {p.problem_id: p for _, p in placed}
    for problem_id, (record, reason) in _crossing(placed, source.held_out_families).items():
        refuse(record, reason, problem_id)
        del problems[problem_id]
    return list(problems.values()), rejects


def to_problem(
    record: Record, source: Source, family: str, own_id: str | None, read: ReadCell, aside: pictures.Aside
) -> Problem:
    """One row as a problem of the split `train`, its pictures put `aside`. Raises `Refusal`."""
    row, fields = record.row, source.fields
    question = mapping.prose(row, fields["question"])
    options = mapping.options(row, fields["options"]) if "options" in fields else None
    answer = mapping.text(row, fields["answer"], options)
    cells = mapping.flat(row, fields["images"]) if "images" in fields else []
    images, states = [], []
    for cell in cells:
        data = pictures.checked(read(cell, record), source.max_image_bytes, source.max_image_pixels)
        images.append(aside.keep(data))
        states.append(digest(data.hex(), length=64))
    # by the picture alone: several questions about one picture stay on one side of the split
    state_id = digest(states or question)
    problem = Problem(
        state_id=state_id,
        problem_id=own_id or digest(source.name, family, state_id, question, options, answer),
        source=source.name,
        family=family,
        split="train",
        difficulty=_difficulty(mapping.text(row, fields["difficulty"])) if "difficulty" in fields else 1,
        question=question,
        images=tuple(images),
        answer=answer,
        answer_type=mapping.text(row, fields["answer_type"]) if "answer_type" in fields else _type(answer, options),
        options=options,
        reasoning=mapping.prose(row, fields["reasoning"]) or None if "reasoning" in fields else None,
        text_twin=mapping.prose(row, fields["text_twin"]) or None if "text_twin" in fields else None,
        template_id=family,
    )
    if reason := fault(problem):
        raise Refusal(reason)
    gold = prompt.completion_text(problem.reasoning or "", answer)
    verdict = judge(gold, answer, problem.answer_type, list(options) if options else None)
    if not verdict.correct:  # such a problem could never be answered right
        raise Refusal(f"its own gold answer is not judged correct: {verdict.reason}")
    return problem


def _split(record: Record, source: Source) -> str | None:
    """The split that the row's part stands for, None for one that is left out. Raises `Refusal` for another part."""
    if not source.parts:
        return "train"
    part = record.part
    if source.part != FROM_FILE:
        part = mapping.text(record.row, source.part) if source.part else "all"
    if part not in source.parts:
        raise Refusal(f"its part {part!r:.60} is not in source.parts{nearest(part, source.parts)}")
    return source.parts[part]


def _family(record: Record, source: Source) -> str:
    if source.family == FROM_FILE:
        return record.stem
    family = mapping.text(record.row, source.family)
    if not family:
        raise Refusal(f"its family ({source.family!r}) is empty")
    return family


def _joined(states: list[str], groups: list[str], name: str) -> list[str]:
    """One state for all rows of a group, and for all groups that share a picture: none of these may ever part."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = key = parent[parent[key]]
        return key

    keys = [digest(name, group) if group else state for state, group in zip(states, groups, strict=True)]
    for state, key in zip(states, keys, strict=True):
        low, high = sorted((root(state), root(key)))
        parent[high] = low
    members: defaultdict[str, set[str]] = defaultdict(set)
    for key in keys:
        members[root(key)].add(key)
    return [min(members[root(key)]) for key in keys]


def _crossing(placed: list[tuple[Record, Problem]], held_out: list[str]) -> dict[str, tuple[Record, str]]:
    """By problem_id, the rows that would train on what is tested: their picture, or text, is that of a test's row."""
    held = {p.state_id: p.family for _, p in placed if p.family in held_out}
    tested = {p.state_id: p.split for _, p in placed if p.split != "train"}
    crossing = {}
    for record, problem in placed:
        if problem.family not in held_out and problem.state_id in held:
            reason = f"its picture occurs in the held-out family {held[problem.state_id]!r}"
        elif problem.split == "train" and problem.state_id in tested:
            reason = f"its picture or text occurs in the part that tests, {tested[problem.state_id]!r}"
        else:
            continue
        crossing[problem.problem_id] = (record, reason)
    return crossing


def _difficulty(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII):
        raise Refusal(f"its difficulty {text!r:.60} is no whole number")
    return int(text)


def _type(answer: str, options: tuple[str, ...] | None) -> str:
    if options:
        return "choice"
    if _INTEGER.fullmatch(answer):
        return "integer"
    if _LATEX.search(answer):
        return "expression"
    return "number" if _NUMBER.fullmatch(answer) else "text"
