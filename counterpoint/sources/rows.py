"""Rows of any origin to problems, by the mapping that `source.fields` states, and the reason for each row refused."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import Any

from counterpoint import prompt
from counterpoint.errors import nearest
from counterpoint.problem import Problem, digest, fault
from counterpoint.sources import mapping, pictures
from counterpoint.sources.evidence import Evidence
from counterpoint.sources.parsing import Record, Refusal, Source
from counterpoint.verify import judge

FROM_FILE = "file"  # what `family` and `part` say instead of a column
FROM_FOLDER = "folder"  # and what `family` may say: the first folder below the source's path
LONGEST_FAMILY = 80  # characters
TOTAL = "all"  # the family that stands for all in every table of results
_INTEGER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)?\.\d+", re.ASCII)
_LATEX = re.compile(r"\\[A-Za-z]")

ReadPicture = Callable[[Any, Record], bytes]  # a cell of an image column as encoded bytes; raises Refusal


def collect(records: Iterable[Record], source: Source, read_picture: ReadPicture) -> tuple[list[Problem], list[dict]]:
    """Problems and rejects (columns of the table `rejects`), both in the rows' order.

    A problem's split is the one that `source.parts` names for its row, or `train` where there are no parts: then
    `splits.assign` draws the suites. Pictures wait on disk (`pictures.PictureFile`). Raises `UserError` for what only
    all rows together show (`evidence.Evidence`).
    """
    problems: dict[str, Problem] = {}
    origins: dict[str, Record] = {}  # by problem_id
    groups: dict[str, str] = {}  # by problem_id, what the field `state` says
    rejects: list[dict] = []
    evidence = Evidence(source)
    picture_file = pictures.PictureFile()

    def refuse(record: Record, reason: str, problem_id: str | None) -> None:
        reason = reason.encode("utf-8", "backslashreplace").decode()  # a column's name may hold half a character
        where = {"source": source.name, "file": record.file, "line": record.line}
        rejects.append({**where, "problem_id": problem_id, "reason": reason})

    for record in records:
        problem_id = None
        try:
            if record.row is None:
                raise Refusal(record.fault or "no row")
            split = _split(record, source)
            if split is None:
                continue
            problem_id = _field(record, source, "id", mapping.text) or None
            family = _family(record, source)
            evidence.add(record, family)
            problem = to_problem(record, source, split, family, problem_id, read_picture, picture_file)
            group = _field(record, source, "state", mapping.text) or ""
            problem_id = problem.problem_id
            if problem_id in problems:
                raise Refusal("a duplicate: an earlier row has this problem_id")
        except Refusal as refusal:
            refuse(record, str(refusal), problem_id)
            continue
        problems[problem_id], groups[problem_id] = problem, group
        origins[problem_id] = dataclasses.replace(record, row=None)  # a row may hold its pictures
    evidence.check()
    if "state" in source.fields and problems:
        states = _joined([problem.state_id for problem in problems.values()], list(groups.values()), source.name)
        for name, state in zip(problems, states, strict=True):
            problems[name] = dataclasses.replace(problems[name], state_id=state)
    for name, reason in _crossing(problems.values(), source.held_out_families).items():
        refuse(origins[name], reason, name)
        del problems[name]
    return list(problems.values()), rejects


def to_problem(
    record: Record,
    source: Source,
    split: str,
    family: str,
    stated_id: str | None,
    read_picture: ReadPicture,
    picture_file: pictures.PictureFile,
) -> Problem:
    """One row as a problem, its pictures added to `picture_file`. Raises `Refusal`.

    stated_id: the id that the row states; None: it follows from the content.
    """
    question = _field(record, source, "question", mapping.prose)
    options = _field(record, source, "options", mapping.options)
    answer = mapping.text(record.row, source.fields["answer"], options)
    answer_type = _field(record, source, "answer_type", mapping.text)
    difficulty = _field(record, source, "difficulty", mapping.text)
    images, states = [], []
    for cell in _field(record, source, "images", mapping.flat) or ():
        data = pictures.checked(read_picture(cell, record), source.max_image_bytes, source.max_image_pixels)
        images.append(picture_file.add(data))
        states.append(digest(data.hex(), length=64))
    # by the picture alone: several questions about one picture stay on one side of the split
    state_id = digest(states or question)
    if difficulty is not None and not re.fullmatch(r"\d{1,6}", difficulty, re.ASCII):
        raise Refusal(f"its difficulty {difficulty!r:.60} is no whole number; {_mapped_difficulty(source, difficulty)}")
    problem = Problem(
        state_id=state_id,
        problem_id=stated_id or digest(source.name, family, state_id, question, options, answer),
        source=source.name,
        family=family,
        split=split,
        difficulty=1 if difficulty is None else int(difficulty),
        question=question,
        images=tuple(images),
        answer=answer,
        answer_type=_type(answer, options) if answer_type is None else answer_type,
        options=options,
        reasoning=_field(record, source, "reasoning", mapping.prose) or None,
        text_twin=_field(record, source, "text_twin", mapping.prose) or None,
        template_id=family,
    )
    if reason := fault(problem):
        raise Refusal(reason)
    gold = prompt.completion_text(problem.reasoning or "", answer)
    verdict = judge(gold, answer, problem.answer_type, list(options) if options else None)
    if not verdict.correct:  # such a problem could never be answered right
        raise Refusal(f"its own gold answer is not judged correct: {verdict.reason}")
    return problem


def _field(record: Record, source: Source, name: str, read: Callable[[dict, Any], Any]) -> Any:
    """A field of the row, read by the mapping; None where the source does not map it, and where it is optional and
    empty."""
    if name not in source.fields:
        return None
    spec = source.fields[name]
    try:
        value = read(record.row, spec)
    except mapping.NoColumn as missing:
        raise Refusal(f"{missing}; where rows may lack it, set optional: true beside the column of {name}") from None
    return None if value == "" and mapping.whole(spec).get("optional") else value


def _mapped_difficulty(source: Source, word: str) -> str:
    """How words, or none, may be read as a difficulty."""
    column = next(iter(mapping.columns(source.fields["difficulty"])), "COLUMN")
    beside = f"map: {{{word!r:.60}: 1}}" if word else "optional: true"
    return f"write difficulty: {{column: {column}, {beside}}} in source.fields"


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
        family = record.stem
    elif source.family == FROM_FOLDER:
        family, below, _ = record.file.partition("/")
        if not below:
            raise Refusal("its family is to be a folder, but its file lies in none below source.path")
    else:
        family = mapping.text(record.row, source.family)
    if not family:
        raise Refusal(f"its family ({source.family!r}) is empty")
    if len(family) > LONGEST_FAMILY or not family.isprintable() or family == TOTAL:
        raise Refusal(
            f"its family must be one line of at most {LONGEST_FAMILY} characters, and not the word {TOTAL}; set map "
            f"beside its column, another column, or rename the file where it is the file's name; it is {family!r:.60}"
        )
    return family


def _joined(states: list[str], groups: list[str], name: str) -> list[str]:
    """For each row its new state: one for all rows of a group, and one for all groups that share a picture."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    keys = [digest(name, group) if group else state for state, group in zip(states, groups, strict=True)]
    nodes = {node: number for number, node in enumerate(dict.fromkeys(states + keys))}
    ends = [nodes[state] for state in states], [nodes[key] for key in keys]
    graph = coo_array((np.ones(len(keys)), ends), shape=(len(nodes), len(nodes)))
    _, components = connected_components(graph, directed=False)
    first: dict[int, str] = {}  # the least key of each component
    for key in sorted(keys):
        first.setdefault(components[nodes[key]], key)
    return [first[components[nodes[key]]] for key in keys]


def _crossing(problems: Iterable[Problem], held_out: list[str]) -> dict[str, str]:
    """By problem_id, why a row would train on what is tested: its picture, or text, is that of a test's row."""
    problems = list(problems)
    held = {p.state_id: p.family for p in problems if p.family in held_out}
    tested = {p.state_id: p.split for p in problems if p.split != "train"}
    reasons = {}
    for p in problems:
        if p.family not in held_out and p.state_id in held:
            reasons[p.problem_id] = f"its picture occurs in the held-out family {held[p.state_id]!r}"
        elif p.split == "train" and p.state_id in tested:
            reasons[p.problem_id] = f"its picture or text occurs in the part that tests, {tested[p.state_id]!r}"
    return reasons


def _type(answer: str, options: tuple[str, ...] | None) -> str:
    if options:
        return "choice"
    if _INTEGER.fullmatch(answer):
        return "integer"
    if _LATEX.search(answer):
        return "expression"
    return "number" if _NUMBER.fullmatch(answer) else "text"
