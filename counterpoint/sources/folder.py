"""The folder source: rows in JSON-lines, JSON-array or CSV files, their pictures as files beside them.

Everything that a row names must lie inside the source's folder; whatever cannot be used is refused with file, line and
reason, never repaired.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterpoint.errors import UserError
from counterpoint.params import Source
from counterpoint.problem import Problem
from counterpoint.progress import track
from counterpoint.sources.rows import Record, Refusal, collect


def read(source: Source) -> tuple[list[Problem], list[dict]]:
    """Problems (not yet split) and rejects of the folder `source.path`. Raises `UserError` if it holds no rows."""
    root = Path(source.path)
    if not root.is_dir():
        raise UserError(f"source.path: {root} is no folder; set SET='source.path=FOLDER' to the one with the rows")
    try:
        files = sorted(path for path in root.glob(source.pattern) if path.is_file())
    except (NotImplementedError, ValueError):
        raise UserError(f"source.pattern: {source.pattern!r} must be a pattern within source.path") from None
    if not files:
        raise UserError(f"source.pattern: no file in {root} matches {source.pattern!r}; '**/*.json' looks everywhere")

    def records() -> Iterator[Record]:
        for file in track(files, label="reading rows"):
            yield from rows_of(file, root)

    return collect(records(), source, lambda cell, record: picture(cell, (record.folder, root), root))


def rows_of(file: Path, root: Path) -> Iterator[Record]:
    """The rows of one file; a line that cannot be parsed is a record with a fault. Lines count from 1."""
    place = {"file": file.relative_to(root).as_posix(), "stem": file.stem, "folder": file.parent}
    data = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if file.suffix.lower() == ".csv":
        yield from _csv_rows(data, place)
    elif data.lstrip().startswith(b"["):
        rows, fault = _parse(data)
        if fault is None:
            for number, row in enumerate(rows, 1):  # of an array: the number of the element
                yield _record(row, number, place)
        else:
            yield Record(**place, line=None, fault=fault)
    else:
        for number, line in enumerate(data.split(b"\n"), 1):
            if line.strip():
                row, fault = _parse(line)
                yield _record(row, number, place) if fault is None else Record(**place, line=number, fault=fault)


def _csv_rows(data: bytes, place: dict) -> Iterator[Record]:
    try:
        lines = data.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        yield Record(**place, line=None, fault=f"not UTF-8: {error.reason} at byte {error.start}")
        return
    reader = csv.DictReader(lines, restkey="")
    try:
        for row in reader:
            if "" in row or None in row.values():
                yield Record(**place, line=reader.line_num, fault="not as many cells as the header")
            else:
                yield Record(**place, line=reader.line_num, row=row)
    except csv.Error as error:
        yield Record(**place, line=reader.line_num, fault=f"broken CSV: {error}")


def _parse(data: bytes) -> tuple[Any, str | None]:
    """(value, None), or (None, why it is no JSON)."""
    try:
        return json.loads(data.decode("utf-8")), None
    except UnicodeDecodeError as error:
        return None, f"not UTF-8: {error.reason} at byte {error.start}"
    except RecursionError:
        return None, "broken JSON: nested too deeply"
    except ValueError as error:
        return None, f"broken JSON: {error}"


def _record(row: Any, line: int, place: dict) -> Record:
    if not isinstance(row, dict):
        return Record(**place, line=line, fault=f"a JSON object is wanted, not {row!r:.60}")
    return Record(**place, line=line, row=row)


def picture(cell: Any, folders: tuple[Path, ...], root: Path) -> bytes:
    """The bytes of the file that the cell names, sought in `folders`. Raises `Refusal`, also for one outside `root`."""
    if not isinstance(cell, str) or not cell.strip():
        raise Refusal(f"its picture must be a path, not {cell!r:.60}")
    inside = root.resolve()
    try:
        for folder in folders:
            path = (folder / cell).resolve()  # resolved: neither `..` nor a symbolic link leads out
            if not path.is_relative_to(inside):
                raise Refusal(f"its picture {cell!r} lies outside the source's folder")
            if path.is_file():
                return path.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, a null byte
        raise Refusal(f"its picture {cell!r:.200} cannot be read: {error.__class__.__name__}") from None
    raise Refusal(f"its picture {cell!r} is missing")
