"""The only place where an audit opens a run's files: plain ones, of a known size, in a known depth.

What lies in a folder made elsewhere is hostile: a pipe waits for ever, a device has no end, 28 KB of Parquet hold
billions of values. So a file is looked at before it is read, and what cannot be told beforehand is read in pieces.
A link is followed where the user names it and where it stays in the folder that the user named.
"""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from counterpoint.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MB = 1 << 20
BYTES = 128 * MB  # of a text file
RECORDS = 64 * MB  # of a file that is taken apart byte by byte
LINE = 16 * MB  # characters of a line
LINES = 4_000_000  # of a file
PIECES = 4_000_000  # lists and mappings of a JSON text: each takes 20 times its two characters
TEXTS = 8 * MB  # of completions that are taken from one file
BATCH = 8  # rows of Parquet unpacked at once: a value of a few bytes in the file may be megabytes in memory
BATCH_BYTES = 64 * MB
VALUES, UNPACKED = 20_000_000, 1_000_000  # of a Parquet column, and of one whose rows are unpacked
CHUNKS = 10_000  # columns times row groups


def inside(folder: Path, pattern: str) -> list[Path]:
    """The files of `folder` that match, sorted. Raises `UserError` for a link that leads out of the folder."""
    root = Path(os.path.realpath(folder))
    paths = [path for path in sorted(folder.glob(pattern)) if not path.is_dir()]
    for path in paths:
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise UserError(f"{path}: a link that leads out of {folder}; put there what it leads to")
    return paths


@contextmanager
def plain(path: Path, limit: int | None = BYTES) -> Iterator[BinaryIO]:
    """The file, open. Raises `UserError` for a pipe, a socket, a device or more than `limit` bytes."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # a pipe without a writer would wait
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path}: not a plain file; pipes, sockets and devices are not read")
        if limit is not None and status.st_size > limit:
            raise UserError(
                f"{path}: {status.st_size / MB:,.0f} MB, more than the {limit // MB} MB that are read; keep the lines "
                "or entries of its steps alone"
            )
        yield file


def head(path: Path, size: int) -> bytes:
    """The first bytes of a file. Raises `UserError` for what is no plain file."""
    with plain(path, limit=None) as file:
        return file.read(size)


def content(path: Path, limit: int = BYTES) -> bytes:
    """All bytes of a file, at most `limit`. Raises `UserError` as `plain` does."""
    with plain(path, limit) as file:
        return file.read(limit)


def parsed(text: str) -> object:
    """What JSON says. Raises `ValueError`, for what is nested too deep (some 1,000 levels) or in too many pieces."""
    if text.count("{") + text.count("[") > PIECES:
        raise ValueError(f"more than {PIECES:,} lists and mappings")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def whole(path: Path) -> object:
    """What a file of JSON says. Raises `ValueError` for one that is none, `UserError` as `plain` does."""
    return parsed(content(path).decode("utf-8"))


def lines(path: Path) -> Iterator[str]:
    """The lines of a text in UTF-8, with their ends. Raises `UserError` as `plain` does, and for too many or too long
    ones."""
    with plain(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="") as text:
        for number in range(1, LINES + 1):
            line = text.readline(LINE)
            if not line:
                return
            if len(line) == LINE:
                raise UserError(f"{path}, line {number}: longer than {LINE // MB} million characters")
            yield line
        if text.read(1):
            raise UserError(f"{path}: more than {LINES:,} lines; keep those of its steps alone")


@contextmanager
def table(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file, open, of which nothing has been read but what it says of itself. Raises `UserError` as `plain`
    does, for what cannot be read, here or in the block, and for more pieces or values than an honest one has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with plain(path, limit=None) as file:
        try:
            with pq.ParquetFile(file) as opened:
                metadata, names = opened.metadata, opened.schema_arrow.names
                if len(set(names)) < len(names):
                    raise UserError(f"{path}: two of its columns have one name")
                if metadata.num_columns * metadata.num_row_groups > CHUNKS:
                    raise UserError(f"{path}: more than {CHUNKS:,} columns times row groups; it is not read")
                if max([metadata.num_rows, *(chunk.num_values for chunk in _chunks(metadata))]) > VALUES:
                    raise UserError(f"{path}: more than {VALUES:,} values in a column; it is not read")
                yield opened
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{path}: not a readable Parquet file ({reason})") from None


def _chunks(metadata: pq.FileMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    for group in range(metadata.num_row_groups):
        yield from map(metadata.row_group(group).column, range(metadata.num_columns))


def first_rows(path: Path, file: pq.ParquetFile, columns: Sequence[str], most: int) -> list[dict]:
    """The first rows of these columns as mappings, at most `most`, of which `TEXTS` are enough. Raises `UserError`
    where they hold anything but text and numbers, or unpack to more than an honest log's do."""
    for name in columns:
        if not _simple(kind := file.schema_arrow.field(name).type):
            raise UserError(f"{path}: its column {name} is {kind}, not text or numbers")
    bloated = UserError(f"{path}: its rows unpack to more than {BATCH_BYTES // MB} MB for {BATCH}; it is not read")
    chunks = [chunk for chunk in _chunks(file.metadata) if chunk.path_in_schema.split(".")[0] in columns]
    if (
        sum(c.total_uncompressed_size for c in chunks) > BYTES
        or max((c.num_values for c in chunks), default=0) > UNPACKED
    ):
        raise bloated
    rows, taken = [], 0
    for batch in file.iter_batches(BATCH, columns=list(columns), use_threads=False):
        taken += batch.nbytes
        if batch.nbytes > BATCH_BYTES:
            raise bloated
        rows += batch.to_pylist()
        if len(rows) >= most or taken > TEXTS:
            break
    return rows[:most]


def _simple(kind: pa.DataType) -> bool:
    """Whether it is text, a number, or lists and mappings of these; a dictionary's text is not, for it may be long and
    repeat."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        return _simple(kind.value_type)
    if types.is_struct(kind):
        return all(_simple(field.type) for field in kind)
    simple = (types.is_string, types.is_large_string, types.is_integer, types.is_floating, types.is_boolean)
    return types.is_null(kind) or any(fits(kind) for fits in simple)
