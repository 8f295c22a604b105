"""Protocol Buffers on the wire: the fields of a message, without its schema.

The encoding has been fixed since 2008 (https://protobuf.dev/programming-guides/encoding). The library of Weights &
Biases (0.31) no longer reads its own files in Python, and TensorBoard's opens a path by itself and brings gRPC along.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
_FIXED = {EIGHT: 8, FOUR: 4}


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields in their order: their number and value; fixed numbers and texts are bytes. Raises `ValueError` for
    what is no message."""
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        kind = key & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == BYTES:
            size, place = _varint(message, place)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise ValueError(f"field of kind {kind}")
        if place + size > end:
            raise ValueError("field beyond the end")
        yield key >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and the place after it."""
    if place < len(message) and message[place] < 128:
        return message[place], place + 1
    value = 0
    for shift, byte in zip(range(0, 70, 7), message[place : place + 10], strict=False):
        if byte < 128:
            return value | byte << shift, place + shift // 7 + 1
        value |= (byte & 127) << shift
    raise ValueError("number without an end")


def texts(message: bytes, number: int) -> list[bytes]:
    """The values of the field `number` that are bytes."""
    return [value for field, value in fields(message) if field == number and isinstance(value, bytes)]
