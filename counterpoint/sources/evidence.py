"""What rows show only together: a column that none has, too many families, answers that may mean another option.

An answer "2" may be an option's text, or its position from 0 or from 1. Which it is no single row can say; the answers
of a family can: 8 of 8 options is no position from 0, and a text is among its options. A mapping that fits fewer
answers than another reading of them is refused, as it would give wrong gold answers in silence. So is one that says
nothing of how answers are read, where two readings fit equally many and differ.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from counterpoint.errors import UserError, nearest
from counterpoint.sources import mapping
from counterpoint.sources.converters import READINGS
from counterpoint.sources.parsing import Record, Refusal, Source, where

FAMILIES = 500  # at most: more are the sign of a column that tells rows apart, not families
COLUMNS = 1000  # of rows, that a message chooses from
SHOWN = 3  # rows that a message names
KINDS = {  # of answers, with the readings that can read them
    "number": (re.compile(r"\d{1,3}", re.ASCII), {"text", "index", "index_from_1"}),
    "letter": (re.compile("[A-Z]"), {"text", "letter"}),
}
COUNTED = {"index", "index_from_1"}
FIRST = {"index": " (0 is the first)", "index_from_1": " (1 is the first)", "letter": " (A is the first)"}
log = logging.getLogger("sources")


@dataclass
class _Answers:
    """Answers of one kind, numbers or letters, that were read among options.

    taken: the reading that the mapping takes first. misses: by reading, how many name no option. differs: by reading,
    how many name another option than the one taken. examples: by reading, the first of these.
    """

    taken: str
    number: int = 0
    misses: Counter[str] = field(default_factory=Counter)
    differs: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class Evidence:
    """What the rows of a source have shown so far."""

    def __init__(self, source: Source):
        answer = mapping.whole(source.fields["answer"])
        self.source = source
        self.families: set[str] = set()
        self.missing = {  # optional columns that no row had yet
            (column, name)
            for name, spec in source.fields.items()
            if mapping.whole(spec).get("optional")
            for column in mapping.columns(spec)
        }
        self.columns: set[str] = set()  # that rows have, where one is missing
        self.declared = tuple(mapping.converters(answer))
        readings = self.declared or ("text",)
        self.bare = {key: value for key, value in answer.items() if key in ("column", "first")}
        self.judges = (
            "options" in source.fields and self.bare and "map" not in answer and set(readings) <= READINGS.keys()
        )
        self.taken = {kind: next((r for r in readings if r in able), None) for kind, (_, able) in KINDS.items()}
        self.words = 0  # answers that no reading but `text` can read, and that it reads
        self.answers: dict[tuple[str, str], _Answers] = {}  # by family and kind

    def add(self, record: Record, family: str) -> None:
        """Note a row that has a family."""
        self.families.add(family)
        if self.missing:
            self.missing = {pair for pair in self.missing if not mapping.has(record.row, pair[0])}
            self.columns.update(itertools.islice(map(str, record.row), COLUMNS - len(self.columns)))
        if self.judges:
            with contextlib.suppress(Refusal):
                self._add_answer(record, family)

    def _add_answer(self, record: Record, family: str) -> None:
        options = mapping.options(record.row, self.source.fields["options"])
        answer = mapping.text(record.row, self.bare)
        kind = next((kind for kind, (pattern, _) in KINDS.items() if pattern.fullmatch(answer)), None)
        self.words += kind is None and answer in (options or ())
        if not options or kind is None or self.taken[kind] is None:
            return
        group = self.answers.setdefault((family, kind), _Answers(self.taken[kind]))
        readings = {name: _read(name, answer, options) for name in READINGS}
        taken = readings[group.taken]
        group.number += 1
        group.misses.update(name for name, option in readings.items() if option is None)
        for name, option in readings.items():
            if taken is None or option in (None, taken):
                continue
            group.differs[name] += 1
            if len(group.examples[name]) < SHOWN:
                of = f" ({answer!r} of {list(options)!r:.80} is {taken!r:.40}, or {option!r:.40} by {name})"
                group.examples[name].append(where(record.file, record.line) + (of if not group.examples[name] else ""))

    def check(self) -> None:
        """Raise `UserError` for what makes the mapping wrong, or its answers ambiguous."""
        if self.missing and self.families:
            column, name = min(self.missing)
            raise UserError(
                f"params.yaml: source.fields.{name} is optional, but no row of {self.source.name!r} has a column "
                f"{column!r}{nearest(column, sorted(self.columns))}"
            )
        if len(self.families) > FAMILIES:
            raise UserError(
                f"params.yaml: source.family gives {len(self.families)} families, such as {min(self.families)!r}, and "
                f"at most {FAMILIES} are taken; name a column with fewer values, folder, or {{value: NAME}} for one"
            )
        for name in self.source.held_out_families:
            if name not in self.families:
                raise UserError(
                    f"params.yaml: source.held_out_families: no row is of {name!r}{nearest(name, self.families)}"
                )
        self._check_answers()

    def _check_answers(self) -> None:
        totals: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (_, kind), group in self.answers.items():
            totals[kind].update(group.misses)
        doubts = []
        for (family, kind), group in self.answers.items():
            fitting = (name for name in self._rivals(group.taken) if self._fits_as_well(name, group, totals[kind]))
            if rival := min(fitting, key=lambda name: (group.misses[name], name), default=None):
                doubts.append(self._doubt(family, group, rival))
        if doubts:
            more = f"; families in doubt: {len(doubts)}" if len(doubts) > 1 else ""
            raise UserError(f"params.yaml: source.fields.answer of {self.source.name!r}: {doubts[0]}{more}")
        undecided = totals["number"]["index"] == totals["number"]["index_from_1"]
        if undecided and self.taken["number"] in COUNTED and any(group.differs for group in self.answers.values()):
            log.warning(
                "source.fields.answer: no row tells whether answers count from 0 or from 1: %s is taken as set",
                self.taken["number"],
            )

    def _rivals(self, taken: str) -> set[str]:
        """The readings that may be meant instead: who says `text` alone means it."""
        if not self.declared:
            return READINGS.keys() - {taken}
        counted = COUNTED if COUNTED & set(self.declared) else set()
        return {*self.declared, "text", *counted} - {taken}

    def _fits_as_well(self, name: str, group: _Answers, total: Counter[str]) -> bool:
        """Whether a reading names other options, and fits more of a family's answers than the one taken; or, where the
        mapping says nothing of how they are read, as many, and all answers together do not decide."""
        if not group.differs[name]:
            return False
        if self.declared or group.misses[name] != group.misses[group.taken]:
            return group.misses[name] < group.misses[group.taken]
        return total[name] + self.words <= total[group.taken]

    def _doubt(self, family: str, group: _Answers, rival: str) -> str:
        fits = ", ".join(f"{name}{FIRST.get(name, '')} {group.number - group.misses[name]}" for name in READINGS)
        least = min(group.misses[name] for name in READINGS)
        best = " or ".join(name for name in READINGS if group.misses[name] == least)
        remedy = f"say beside its column which is right, with: {best}"
        if self.declared:
            remedy = f"with: {', '.join(self.declared)} is set; set {best}, or mend the rows that do not fit"
        return (
            f"of {group.number} answers of family {family!r} these readings fit: {fits}; they differ in "
            f"{group.differs[rival]}, such as {', '.join(group.examples[rival])}; {remedy}"
        )


def _read(name: str, answer: str, options: tuple[str, ...]) -> Any:
    try:
        return READINGS[name](answer, options)
    except Refusal:
        return None
