"""The folder source: rows in JSON-lines, JSON, CSV or Parquet files, their pictures as files beside them or, as the
`datasets` Image feature has them in Parquet, within.

Everything that a row names must lie inside the source's folder; whatever cannot be used is refused with file, line and
reason, never repaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from counterpoint.errors import UserError, one_line
from counterpoint.problem import Problem
from counterpoint.progress import track
from counterpoint.sources import parsing, pictures
from counterpoint.sources.parsing import Record, Refusal, Source
from counterpoint.sources.rows import collect


def read(source: Source) -> tuple[list[Problem], list[dict]]:
    """Problems (not yet split) and rejects (columns of the table `rejects`) of the folder `source.path`.

    Raises `UserError` where no file matches `source.pattern`, or one cannot be read.
    """
    root = Path(source.path)
    outside = f"source.pattern: {source.pattern!r} must be a pattern within source.path"
    if Path(source.pattern).is_absolute():
        raise UserError(outside)
    try:
        files = sorted(path for path in root.glob(source.pattern) if path.is_file())
    except ValueError:  # an empty pattern
        raise UserError(outside) from None
    if not files:
        raise UserError(f"source.pattern: no file in {root} matches {source.pattern!r}; '**/*.json' looks everywhere")

    def records() -> Iterator[Record]:
        for file in track(files, label="reading rows"):
            yield from rows_of(file, root)

    def read_picture(cell: Any, record: Record) -> bytes:
        return picture(cell, [(record.folder, root), (root, root)], source.max_image_bytes)

    return collect(records(), source, read_picture)


def rows_of(file: Path, root: Path) -> Iterator[Record]:
    """The rows of one file below `root`; a row that cannot be parsed is a record with a fault. Lines count from 1.

    Raises `UserError` for a file that cannot be read to its end: nobody could tell how many of its rows are missing.
    """
    name = file.relative_to(root).as_posix()
    shown = name.encode("utf-8", "backslashreplace").decode()
    remedy = "mend it, or narrow source.pattern to leave it out"
    if shown != name:
        raise UserError(f"{shown}: the file's name is not UTF-8; rename it")
    if not file.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{name}: it lies outside the source's folder; copy it there, or narrow source.pattern")
    try:
        for line, row, fault in _parsed(file):
            yield Record(name, line, file.stem, file.stem, row, fault, file.parent)
    except (parsing.Unreadable, OSError) as error:
        raise UserError(f"{name}: {one_line(error)}; {remedy}") from None


def _parsed(file: Path) -> Iterator[parsing.ParsedRow]:
    kind = file.suffix.lower()
    if kind == ".parquet":
        return _parquet_rows(file)
    data = file.read_bytes()
    if not data.removeprefix(parsing.BOM).strip():
        raise parsing.Unreadable("it is empty")
    if kind == ".csv":
        return parsing.csv_rows(data)
    return parsing.json_rows(data, lines_only=kind in (".jsonl", ".ndjson"))


def _parquet_rows(file: Path) -> Iterator[parsing.ParsedRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    line = 0
    try:
        with pq.ParquetFile(file) as table:
            for index in range(table.num_row_groups):  # one reader of all of them would keep what it has read
                group = table.metadata.row_group(index)
                number = parsing.rows_at_a_time(group.num_rows, group.total_byte_size)
                for batch in table.iter_batches(number, row_groups=[index], use_threads=False):
                    for row, fault in parsing.table_rows(batch):
                        line += 1
                        yield line, row, fault
    except (pa.ArrowException, OSError, ValueError) as error:
        raise parsing.Unreadable(f"broken Parquet, after row {line}: {error}") from None


def picture(cell: Any, places: Iterable[tuple[Path, Path]], max_bytes: int) -> bytes:
    """The bytes within the cell (of an Image feature), or those of the file that it names.

    places: where a file is sought, as pairs of a folder and the root that its path may not lead out of. max_bytes: a
    larger file is not read. Raises `Refusal`.
    """
    if isinstance(cell, dict) and ("bytes" in cell or "path" in cell):
        cell = cell["bytes"] if cell.get("bytes") is not None else cell.get("path")
    if isinstance(cell, bytes):
        return cell
    if not isinstance(cell, str) or not cell.strip():
        raise Refusal(f"its picture must be a path or encoded bytes, not {cell!r:.60}")
    reason = "is missing"
    try:
        for folder, root in places:
            path = (folder / cell).resolve()  # resolved: neither `..` nor a symbolic link leads out
            if not path.is_relative_to(root.resolve()):
                reason = "lies outside the source's folder"
            elif path.is_file():
                if (size := path.stat().st_size) > max_bytes:
                    raise Refusal(pictures.too_large(size, max_bytes))
                return path.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, a null byte
        reason = f"cannot be read: {error.__class__.__name__}"
    raise Refusal(f"its picture {cell!r:.200} {reason}")
