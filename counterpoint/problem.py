"""Problem: the one record that every source yields and every stage reads, and its Parquet form."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterpoint.errors import UserError

ANSWER_TYPES = ("integer", "number", "choice", "text", "expression")
# The `datasets` Image feature stores an encoded image as this struct, so the file opens there as it is.
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema(
    [
        ("state_id", pa.string()),
        ("problem_id", pa.string()),
        ("source", pa.string()),
        ("family", pa.string()),
        ("split", pa.string()),
        ("difficulty", pa.int32()),
        ("question", pa.string()),
        ("images", pa.list_(IMAGE_TYPE)),
        ("answer", pa.string()),
        ("answer_type", pa.string()),
        ("options", pa.list_(pa.string())),
        ("reasoning", pa.string()),
        ("text_twin", pa.string()),
        ("template_id", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("latent", pa.string()),
    ]
)


def digest(*parts: object, length: int = 16) -> str:
    """Hex digest of the parts' canonical JSON: stable across processes, platforms and Python versions."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True)
class Problem:
    """One question with its picture, gold answer and, where known, gold reasoning and a twin in words.

    `images` holds encoded bytes (PNG or JPEG). `state_id` identifies what is drawn or written: splits are
    disjoint by it. `problem_id` adds source, split, template and its arguments. `latent` is JSON.
    """

    state_id: str
    problem_id: str
    source: str
    family: str
    split: str
    difficulty: int
    question: str
    images: tuple[bytes, ...]
    answer: str
    answer_type: str
    options: tuple[str, ...] | None = None
    reasoning: str | None = None
    text_twin: str | None = None
    template_id: str = ""
    tags: tuple[str, ...] = ()
    latent: str = field(default="{}")

    def row(self) -> dict:
        """The problem as a Parquet row."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        row["images"] = [{"bytes": data, "path": None} for data in self.images]
        row["options"] = list(self.options) if self.options is not None else None
        row["tags"] = list(self.tags)
        return row


def from_row(row: dict) -> Problem:
    """The problem that a Parquet row holds."""
    return Problem(
        **{
            **row,
            "images": tuple(image["bytes"] for image in row["images"] or ()),
            "options": tuple(row["options"]) if row["options"] is not None else None,
            "tags": tuple(row["tags"] or ()),
        }
    )


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
    """Write problems as Parquet, sorted by split and `problem_id` so that reruns give the same bytes."""
    rows = sorted((p.row() for p in problems), key=lambda r: (r["split"], r["problem_id"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, compression="zstd", row_group_size=4096)


def read(path: Path, columns: list[str] | None = None, splits: Iterable[str] | None = None) -> pa.Table:
    """The Parquet table at `path`, its rows kept to `splits` where given. Raises `UserError` if it is no such file."""
    filters = [("split", "in", list(splits))] if splits is not None else None
    try:
        return pq.read_table(path, columns=columns, filters=filters)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the stage that makes it (dvc repro)") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a problems file ({error}); run `dvc repro problems`") from None


def load(path: Path, splits: Iterable[str] | None = None, ids: Iterable[str] | None = None) -> list[Problem]:
    """Problems of the given splits; with `ids`, exactly these and in their order."""
    table = read(path, splits=splits)
    if ids is not None:
        ids = list(ids)
        table = table.filter(pc.is_in(table["problem_id"], pa.array(ids, pa.string())))
    problems = [from_row(row) for row in table.to_pylist()]
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


def decode(data: bytes):
    """Encoded bytes as an RGB Pillow image. Raises `ValueError` when they are not an image."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"not a readable image: {error}") from None
