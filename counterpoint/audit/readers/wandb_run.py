"""A run of Weights & Biases as it lies on the disk, offline or not: `wandb/offline-run-…/run-ID.wandb`.

The file is a LevelDB log (blocks of 32 KB; each piece has checksum, length and kind) behind a header of 7 bytes, and a
record is a `Record` of `wandb/proto/wandb_internal.proto`, of which field 2 is the history: items (field 1) with
`key` (1) or `nested_key` (2) and `value_json` (16).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from counterpoint.audit import files, series
from counterpoint.audit.log import Logged
from counterpoint.audit.readers import steps, wire
from counterpoint.errors import UserError

HEADER = b":W&B"
PLACES = ("*.wandb", "*run-*/*.wandb", "wandb/*run-*/*.wandb")
_BLOCK, _START, _PIECE = 32_768, 7, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_PIECES = 10_000  # of a record: each but the first and the last fills a block
_LONGEST = 100  # bytes of a number
_HISTORY, _ITEM, _KEY, _NESTED, _VALUE = 2, 1, 1, 2, 16


def fits(path: Path) -> bool:
    """Whether the file begins as those of Weights & Biases do."""
    return files.head(path, len(HEADER)) == HEADER


def read(path: Path) -> Logged:
    """The run's history. Raises `UserError` for a file that is damaged; its end may be missing."""
    data, rows = files.content(path, files.RECORDS), []
    try:
        for number, record in enumerate(_records(data)):
            for history in wire.texts(record, _HISTORY):
                rows.append((f"record {number}", dict(map(_item, wire.texts(history, _ITEM)))))
    except ValueError as error:
        raise UserError(f"{path}: damaged ({error}); export the run's history as CSV instead") from None
    return Logged("run of Weights & Biases", path, {"": series.collect(path, steps.stepped(rows))}, path.parent)


def _records(data: bytes) -> Iterator[bytes]:
    """The records; one that the end of the file cuts off is left out. Raises `ValueError` for pieces that do not fit
    together, as LevelDB's own reader does."""
    start, pieces = _START, []
    while start + _PIECE <= len(data):
        left = _BLOCK - start % _BLOCK
        if left < _PIECE:
            start += left
            continue
        checksum, size, kind = struct.unpack_from("<IHB", data, start)
        piece = data[start + _PIECE : start + _PIECE + size]
        if len(piece) < size or not (checksum or size or kind):
            return
        if checksum != zlib.crc32(piece, kind_checksum(kind)):
            raise ValueError(f"the checksum at byte {start:,} is wrong")
        if _PIECE + size > left or kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or bool(pieces) != (kind > _FIRST):
            raise ValueError(f"the piece at byte {start:,} does not fit")
        start += _PIECE + size
        pieces.append(piece)
        if len(pieces) > _PIECES:
            raise ValueError(f"the record at byte {start:,} has more than {_PIECES:,} pieces")
        if kind in (_FULL, _LAST):
            yield b"".join(pieces)
            pieces = []


def kind_checksum(kind: int) -> int:
    """The checksum of the byte that says which piece of a record follows."""
    return zlib.crc32(bytes([kind]))


def _item(item: bytes) -> tuple[str, float | None]:
    """A metric's name, the parts of a nested one joined by dots, and its value, None where it is no number."""
    names, value = [], b""
    for field, content in wire.fields(item):
        if field in (_KEY, _NESTED) and isinstance(content, bytes):
            names.append(content.decode("utf-8", "replace"))
        elif field == _VALUE and isinstance(content, bytes):
            value = content
    try:
        return ".".join(names), float(value) if len(value) < _LONGEST else None
    except ValueError:
        return ".".join(names), None
