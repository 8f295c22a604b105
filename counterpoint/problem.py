"""Problem: the one record that every source yields and every stage reads, and its Parquet form.

Pictures stay where they are, in the Parquet file most often, until someone asks for their bytes: a pool of problems
takes as much memory as its texts.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from functools import cached_property, partial
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterpoint import files, tables
from counterpoint.errors import UserError

ANSWER_TYPES = ("integer", "number", "choice", "text", "expression")
# The `datasets` Image feature stores an encoded image as this struct, so the file opens there as it is.
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
COUNTED = "images.list.element.path"  # what tells how many pictures a row has, without their bytes
# A picture is read with the row group that it lies in: so many rows, and so many bytes of pictures, make one at most.
GROUP_ROWS, GROUP_BYTES = 4096, 1 << 22
KEPT = 1 << 25  # bytes of the row groups that an open file keeps


def digest(*parts: object, length: int = 16) -> str:
    """Hex digest of the parts' canonical JSON: stable across processes, platforms and Python versions."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


class Picture:
    """An encoded picture (PNG or JPEG), whose bytes are read, or made, when asked for. Equal ones have equal bytes.

    What `source` gave is kept where it is no more than `keep` bytes.
    """

    def __init__(self, source: Callable[[], bytes], keep: int = 0):
        self._source, self._keep, self._data = source, keep, None

    @classmethod
    def of(cls, data: bytes) -> Picture:
        """The picture with these bytes."""
        return cls(lambda: data)

    def read(self) -> bytes:
        """The encoded bytes."""
        if self._data is not None:
            return self._data
        data = self._source()
        if len(data) <= self._keep:
            self._data = data
        return data

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the bytes."""
        return hashlib.sha256(self.read()).hexdigest()

    def decode(self):
        """The picture as an RGB Pillow image. Raises `ValueError` when the bytes are no image."""
        from PIL import Image, UnidentifiedImageError

        try:
            return Image.open(io.BytesIO(self.read())).convert("RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(f"not a readable image: {error}") from None

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Picture) and self.sha256 == other.sha256)

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __deepcopy__(self, memo: dict) -> Picture:
        return self  # as bytes are: it does not change


@dataclass(frozen=True)
class Problem:
    """One question with its pictures, gold answer and, where known, gold reasoning and a twin in words.

    `state_id` identifies what is drawn or written: splits are disjoint by it. `problem_id` adds source, split,
    template and its arguments. `latent` is JSON.
    """

    state_id: str
    problem_id: str
    source: str
    family: str
    split: str
    difficulty: int
    question: str
    images: tuple[Picture, ...]
    answer: str
    answer_type: str
    options: tuple[str, ...] | None = None
    reasoning: str | None = None
    text_twin: str | None = None
    template_id: str = ""
    tags: tuple[str, ...] = ()
    latent: str = "{}"

    def row(self) -> dict:
        """The problem as a Parquet row."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        row["images"] = [{"bytes": picture.read(), "path": None} for picture in self.images]
        row["options"] = list(self.options) if self.options is not None else None
        row["tags"] = list(self.tags)
        return row


_TEXTS = pa.list_(pa.string())
_TYPES = {"difficulty": pa.int32(), "images": pa.list_(IMAGE_TYPE), "options": _TEXTS, "tags": _TEXTS}  # else text
SCHEMA = pa.schema([(f.name, _TYPES.get(f.name, pa.string())) for f in fields(Problem)])


def fault(problem: Problem) -> str | None:
    """Why the problem cannot be used, or None: an empty question or answer, an unknown type, an answer not offered."""
    if not problem.question.strip():
        return "the question is empty"
    if not problem.answer.strip():
        return "the answer is empty"
    if problem.answer_type not in ANSWER_TYPES:
        return f"answer_type is {problem.answer_type!r}, not one of {', '.join(ANSWER_TYPES)}"
    if problem.answer_type == "choice" and problem.answer not in (problem.options or ()):
        return f"the answer {problem.answer!r} is not among the options {list(problem.options or ())}"
    return None


def check(problems: Iterable[Problem], where: str) -> None:
    """Raise `UserError` at the first faulty problem or repeated `problem_id`; `where` names the file or source."""
    seen: set[str] = set()
    for position, problem in enumerate(problems):
        reason = fault(problem)
        if problem.problem_id in seen:
            reason = "its problem_id occurs twice; make every id unique"
        if reason:
            raise UserError(f"{where}: row {position} ({problem.problem_id}): {reason}")
        seen.add(problem.problem_id)


def write(problems: Iterable[Problem], path: Path) -> None:
    """Write problems as Parquet, in place at once, sorted by split and `problem_id` so that reruns give the same bytes.

    Of the pictures no more than a row group's are in memory.
    """
    with files.replacing(path) as scratch, pq.ParquetWriter(scratch, SCHEMA, compression="zstd") as file:
        for rows in _row_groups(sorted(problems, key=lambda p: (p.split, p.problem_id))):
            file.write_table(pa.Table.from_pylist(rows, SCHEMA))


def _row_groups(problems: Iterable[Problem]) -> Iterator[list[dict]]:
    rows, size = [], 0
    for problem in problems:
        row = problem.row()
        row_size = sum(len(image["bytes"]) for image in row["images"])
        if rows and (len(rows) == GROUP_ROWS or size + row_size > GROUP_BYTES):
            yield rows
            rows, size = [], 0
        rows.append(row)
        size += row_size
    yield rows


def _reading(path: Path) -> AbstractContextManager[None]:
    return tables.reading(path, "a problems file", "run the stage that makes it (dvc repro)")


class _Images:
    """The pictures of an open problems file, read a row group at a time; the latest groups are kept."""

    def __init__(self, path: Path, file: pq.ParquetFile):
        self.path, self.file, self.lock = path, file, threading.Lock()
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self.starts = [0, *accumulate(sizes)]
        self.groups: OrderedDict[int, pa.ChunkedArray] = OrderedDict()

    def read(self, row: int, index: int) -> bytes:
        """The bytes of a row's picture, by its index in the row."""
        group = bisect_right(self.starts, row) - 1
        with self.lock, _reading(self.path):  # a batch may be made in a thread of its own
            if group not in self.groups:
                self.groups[group] = self.file.read_row_group(group, ["images"], use_threads=False)["images"]
                while len(self.groups) > 1 and sum(images.nbytes for images in self.groups.values()) > KEPT:
                    self.groups.popitem(last=False)
            self.groups.move_to_end(group)
            return self.groups[group][row - self.starts[group]][index]["bytes"].as_py()

    def of(self, row: int, number: int) -> tuple[Picture, ...]:
        """The pictures of a row that has `number` of them."""
        return tuple(Picture(partial(self.read, row, index)) for index in range(number))


def load(path: Path, splits: Iterable[str] | None = None, ids: Iterable[str] | None = None) -> list[Problem]:
    """Problems of the given splits; with `ids`, exactly these and in their order. Pictures are read when asked for.

    Raises `UserError` if `path` is no problems file or lacks one of `ids`.
    """
    texts = [name for name in SCHEMA.names if name != "images"]
    ids = None if ids is None else list(ids)
    with _reading(path):
        file = pq.ParquetFile(path)
        table = file.read([*texts, COUNTED])
        if missing := [name for name in SCHEMA.names if name not in table.column_names]:
            raise pa.ArrowInvalid(f"it has no column {missing[0]!r}")
    images = _Images(path, file)
    table = table.append_column("row", pa.array(range(len(table)), pa.int64()))
    for column, wanted in (("split", splits), ("problem_id", ids)):
        if wanted is not None:
            table = table.filter(pc.is_in(table[column], pa.array(list(wanted), pa.string())))
    problems = []
    for row in table.to_pylist():
        row["images"] = images.of(row.pop("row"), len(row["images"] or ()))
        row["options"] = tuple(row["options"]) if row["options"] is not None else None
        problems.append(Problem(**row | {"tags": tuple(row["tags"] or ())}))
    if ids is None:
        return problems
    by_id = {p.problem_id: p for p in problems}
    missing = [i for i in ids if i not in by_id]
    if missing:
        raise UserError(f"{path}: {len(missing)} wanted problems are missing, the first {missing[0]}; rerun `sample`")
    return [by_id[i] for i in ids]


def encode_png(image) -> bytes:
    """A Pillow image as PNG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
