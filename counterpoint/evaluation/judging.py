"""Judge answers that lie in a file, or one alone: what `counterpoint judge` prints."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from counterpoint.errors import UserError
from counterpoint.sources import folder, mapping
from counterpoint.sources.parsing import Refusal
from counterpoint.statistics import wilson_interval
from counterpoint.verify import answer_type, judge, judge_leniently


def verdict(completion: str, answer: str, kind: str | None, options: list[str], lenient: bool) -> dict:
    """What the judge says of one completion: `correct`, `parsed`, `extracted` and `reason`.

    kind: the answer's type, None for a choice where there are options, else a number where `answer` is one, else text.
    """
    decide = judge_leniently if lenient else judge
    kind = kind or ("choice" if options else answer_type(answer))
    return dataclasses.asdict(decide(completion, answer, kind, options or None))


def of_file(path: Path, kind: str | None, lenient: bool) -> Iterator[dict]:
    """The verdicts on the rows of a file (JSON lines, JSON, CSV or Parquet), each with its line.

    A row has `completion` and `answer`, and may have `answer_type` (`kind` stands before it) and `options`. Raises
    `UserError` naming file and line for a row that has not.
    """
    for record in folder.rows_of(path, path.parent):
        try:
            if record.row is None:
                raise Refusal(record.fault)
            completion = mapping.cell(record.row, "completion")
            if not isinstance(completion, str):
                raise Refusal(f"its completion is no text but {completion!r:.60}")
            options = list(mapping.options(record.row, "options") or ()) if record.row.get("options") else []
            stated = kind or mapping.text(record.row, "answer_type") if "answer_type" in record.row else kind
            answer = mapping.text(record.row, "answer")
        except Refusal as refusal:
            raise UserError(f"{path}, line {record.line}: {refusal}") from None
        yield {"line": record.line, **verdict(completion, answer, stated or None, options, lenient)}


def summary(verdicts: Sequence[dict]) -> str:
    """How many are right, with the 95 % interval, and how many had no readable answer."""
    number, right = len(verdicts), sum(row["correct"] for row in verdicts)
    if not number:
        return "0 completions"
    low, high = wilson_interval(right, number)
    unreadable = sum(not row["parsed"] for row in verdicts)
    return (
        f"{number} completions: {right} right ({100 * right / number:.1f} %, 95 % interval {100 * low:.1f} to "
        f"{100 * high:.1f}), {unreadable} without a readable answer"
    )
