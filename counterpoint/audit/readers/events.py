"""TensorBoard's event files: `events.out.tfevents.…`, all of one folder.

A file is a sequence of TFRecords (length, its checksum, the event, its checksum), and an event is an `Event` of
`tensorboard/compat/proto/event.proto`: `step` (2) and `summary` (5), whose values (1) have `tag` (1) and `simple_value`
(2), or a `tensor` (8) of one number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from counterpoint.audit import files, series
from counterpoint.audit.log import Logged
from counterpoint.audit.readers import wire
from counterpoint.errors import UserError

PLACES = ("*tfevents*", "*/*tfevents*", "runs/*/*tfevents*")
_STEP, _SUMMARY, _VALUE, _TAG, _SIMPLE, _TENSOR = 2, 5, 1, 1, 2, 8
_FLOATS, _DOUBLES, _CONTENT = 5, 6, 4  # of a TensorProto
_LONGEST = 1_000  # bytes of a value: images and histograms are longer


def fits(path: Path) -> bool:
    """Whether the file begins with a TFRecord."""
    start = files.head(path, 12)
    return len(start) == 12 and _checksum(start[:8]) == struct.unpack("<I", start[8:])[0]


def joined(paths: Sequence[Path]) -> bool:
    """Whether the files are of one run: in one folder."""
    return len({path.parent for path in paths}) == 1


def read(paths: Sequence[Path]) -> Logged:
    """The scalars of the files of one folder, in the order of their names. Raises `UserError` for a damaged file, whose
    end may be missing, and for steps that fall."""
    folder = paths[0].parent
    collector = series.Collector(paths[0] if len(paths) == 1 else folder)
    for path in paths:
        try:
            for number, event in enumerate(_records(files.content(path, files.RECORDS))):
                step, scalars = _event(event)
                if scalars:
                    collector.add(f"{path.name}, record {number}", step, scalars)
        except ValueError as error:
            raise UserError(f"{path}: damaged ({error})") from None
    return Logged("TensorBoard event file", collector.path, {"": collector.by_name}, folder)


def _records(data: bytes) -> Iterator[bytes]:
    """The events; one that the end of the file cuts off is left out."""
    place = 0
    while place + 12 <= len(data):
        size, checksum = struct.unpack_from("<QI", data, place)
        if _checksum(data[place : place + 8]) != checksum:
            raise ValueError(f"the checksum at byte {place:,} is wrong")
        event, place = data[place + 12 : place + 12 + size], place + 12 + size
        if place + 4 > len(data):
            return
        if size < _LONGEST and _checksum(event) != struct.unpack_from("<I", data, place)[0]:
            raise ValueError(f"the checksum at byte {place:,} is wrong")
        place += 4
        yield event


def _event(event: bytes) -> tuple[int, dict[str, float]]:
    """The step, and the scalars by tag."""
    step, scalars = 0, {}
    for field, value in wire.fields(event):
        if field == _STEP and isinstance(value, int):
            step = value
        elif field == _SUMMARY and isinstance(value, bytes):
            for summary in wire.texts(value, _VALUE):
                if len(summary) < _LONGEST:
                    scalars.update(_scalar(dict(wire.fields(summary))))
    return step, scalars


def _scalar(summary: dict[int, int | bytes]) -> dict[str, float]:
    tag, simple, tensor = (summary.get(field) for field in (_TAG, _SIMPLE, _TENSOR))
    if not isinstance(tag, bytes):
        return {}
    if isinstance(simple, bytes) and len(simple) == 4:
        return {tag.decode("utf-8", "replace"): struct.unpack("<f", simple)[0]}
    if isinstance(tensor, bytes):
        content = dict(wire.fields(tensor))
        packed = next((content[field] for field in (_FLOATS, _DOUBLES, _CONTENT) if content.get(field)), b"")
        if isinstance(packed, bytes) and len(packed) in (4, 8):
            return {tag.decode("utf-8", "replace"): struct.unpack("<f" if len(packed) == 4 else "<d", packed)[0]}
    return {}


def _checksum(data: bytes) -> int:
    """The masked CRC-32C of a TFRecord (https://www.tensorflow.org/tutorials/load_data/tfrecord)."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table
