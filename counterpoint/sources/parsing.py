"""The rows that JSON, JSON lines, CSV and Arrow tables hold, each with the line where it stands.

A row that cannot be read is a `Record` with a fault. A file is `Unreadable` as a whole where nobody can tell how many
of its rows are lost: counted as one refused row, the rest of it would go missing unnoticed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

Source = Any  # the section `source` of params.yaml, whose keys `params.Source` describes one by one
ParsedRow = tuple[int, Any, str | None]  # line from 1, the row, or why there is none
_LINE_END = re.compile(rb"\r\n|\n|\r")  # none of them may stand within a JSON text
BOM = b"\xef\xbb\xbf"  # how some programs begin a file of UTF-8
BATCH_ROWS, BATCH_BYTES = 256, 1 << 24  # what is read of a table at a time at most, a row at least
LONGEST_INTEGER = 400  # digits; Python refuses to convert long ones, and says so only where they are used


class Unreadable(Exception):
    """Why a file cannot be read to its end."""


class Refusal(Exception):
    """Why one row cannot be used."""


def where(file: str, line: int | None) -> str:
    """A row's place in a message."""
    return file if line is None else f"{file}, line {line}"


@dataclass(frozen=True)
class Record:
    """One row where it stands: `file` as users know it, and `line` from 1.

    stem: the file's name without its ending, or the name of a hub data set's source. part: the same, or the split of a
    hub data set. fault: set instead of `row` when the row could not even be parsed. folder: where paths of pictures
    start.
    """

    file: str
    line: int | None
    stem: str
    part: str
    row: dict[str, Any] | None = None
    fault: str | None = None
    folder: Path | None = None


def plain(value: Any) -> str:
    """A value as text: 9, 9.0 and "9" are the same answer, and so is a list that holds nothing else."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Refusal(f"{value} is no number that can be meant")
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")  # never 1e-07
    if isinstance(value, list):
        texts = dict.fromkeys(plain(item) for item in value)
        if len(texts) == 1:
            return next(iter(texts))
        raise Refusal(f"one value is wanted, not {value!r:.60}")
    if not isinstance(value, str | int | float):
        raise Refusal(f"{value!r:.60} is no text or number")
    text = str(value).strip()
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Refusal(f"{text!r:.60} holds half a character (a lone surrogate)")
    return text


class _Repeated(dict):
    """A JSON object with a key that occurs twice: a parser cannot know which of its values is meant."""

    def __init__(self, pairs: list[tuple[str, Any]], key: str):
        super().__init__(pairs)
        self.key = key


def _refuse_utf16(data: bytes) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-32 of Intel's order begins so too
        raise Unreadable("it is UTF-16; save it as UTF-8")


def json_value(data: bytes | str) -> tuple[Any, str | None]:
    """(value, None), or (None, why it is no JSON). NaN and Infinity are let pass: a field made of them is refused."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer), None
    except UnicodeDecodeError as error:
        return None, f"not UTF-8: {error.reason} at byte {error.start}"
    except RecursionError:
        return None, "broken JSON: nested too deeply"
    except ValueError as error:
        return None, f"broken JSON: {error}"


def json_rows(data: bytes, lines_only: bool) -> Iterator[ParsedRow]:
    """The rows of a JSON array, of an object that holds nothing but rows, by id, or of JSON lines.

    lines_only: whether the file's name promises lines; then the first one may be broken. Raises `Unreadable`.
    """
    _refuse_utf16(data)
    data = data.removeprefix(BOM)
    whole, fault = json_value(data)
    rows: Iterable[Any] | None = None
    if fault is None and isinstance(whole, list):
        rows = whole
    elif fault is None and isinstance(whole, dict) and whole and all(isinstance(r, dict) for r in whole.values()):
        if isinstance(whole, _Repeated):
            raise Unreadable(f"broken JSON: the id {whole.key!r:.60} occurs twice")
        rows = whole.values()
    if rows is not None:
        for number, row in enumerate(rows, 1):  # the number of the element
            yield number, *_row(row)
        return
    if not lines_only and data.lstrip().startswith(b"["):
        raise Unreadable(fault)
    first = True
    lines = _LINE_END.split(data)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row, fault = json_value(line)
        if fault and first and not lines_only:
            raise Unreadable(f"neither an array, nor an object, nor lines of JSON; line {number}: {fault}")
        if fault and number == len(lines):  # none ends it
            raise Unreadable(f"it breaks off in line {number}: {fault}")
        if fault and _holds_more(line):
            raise Unreadable(f"line {number} holds several JSON objects; write each on a line of its own ({fault})")
        first = False
        yield (number, None, fault) if fault else (number, *_row(row))


def csv_rows(data: bytes) -> Iterator[ParsedRow]:
    """The rows of a CSV table, by its header. Raises `Unreadable`, also for a quotation that does not end: reading on
    would take all that follows for one cell."""
    _refuse_utf16(data)
    try:
        text = data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8: {error.reason} at byte {error.start}") from None
    last = len(re.split("\r\n|\n|\r", text))
    limit = csv.field_size_limit(max(len(text), 1))  # a cell may be long
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for name, times in Counter(reader.fieldnames or ()).items():
            if times > 1:
                raise Unreadable(f"its header names the column {name!r:.60} {times} times; rename one")
        for row in reader:
            uneven = None in row or None in row.values()
            if uneven and reader.line_num == last and text[-1] not in "\r\n":
                raise Unreadable(f"it breaks off in line {last}: not as many cells as the header")
            fault = "not as many cells as the header" if uneven else None
            yield reader.line_num, None if fault else row, fault
    except csv.Error as error:
        raise Unreadable(f"broken CSV after line {reader.line_num}: {error}") from None
    finally:
        csv.field_size_limit(limit)


def rows_at_a_time(rows: int, size: int) -> int:
    """How many rows are read at a time of a table of `rows` rows and `size` bytes: each row may hold pictures."""
    return max(1, min(BATCH_ROWS, BATCH_BYTES * rows // max(size, 1)))


def table_rows(batch: Any) -> Iterator[tuple[Any, str | None]]:
    """The rows of a `pyarrow` table or batch as (row, None) or (None, fault).

    Raises `Unreadable` where two columns have one name.
    """
    import pyarrow as pa

    for name, times in Counter(batch.schema.names).items():
        if times > 1:
            raise Unreadable(f"it has {times} columns of the name {name!r:.60}; rename one")
    for index, field in enumerate(batch.schema):
        if pa.types.is_float32(field.type):  # 0.1 as single precision would be 0.10000000149011612 as double
            shortest = batch.column(index).cast(pa.string()).cast(pa.float64())
            batch = batch.set_column(index, field.name, shortest)
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError, TypeError):  # one cell, such as text that is not UTF-8: which is it?
        rows = None
    for index in range(batch.num_rows):
        try:
            yield rows[index] if rows is not None else batch.slice(index, 1).to_pylist()[0], None
        except (ValueError, OverflowError, TypeError) as error:
            yield None, f"a cell cannot be read: {' '.join(str(error).split())[:200]}"


def _object(pairs: list[tuple[str, Any]]) -> dict:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    return _Repeated(pairs, next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1))


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_INTEGER else digits


def _row(value: Any) -> tuple[Any, str | None]:
    if not isinstance(value, dict):
        return None, f"a JSON object is wanted, not {value!r:.60}"
    open_values = [value]
    while open_values:
        inner = open_values.pop()
        if isinstance(inner, _Repeated):
            return None, f"broken JSON: the key {inner.key!r:.60} occurs twice"
        if isinstance(inner, dict):
            open_values += inner.values()
        elif isinstance(inner, list):
            open_values += inner
    return value, None


def _holds_more(line: bytes) -> bool:
    """Whether a broken line holds rows in number: in an array, or one object behind another."""
    if line.lstrip().startswith(b"["):
        return b"{" in line
    try:
        text = line.decode("utf-8").strip()
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return text[end:].lstrip(" \t,;\x1e").startswith("{")
