"""The mapping that `source.fields` states: how a field of a problem is read from a row of any schema.

    question: problem                                 a column, or one inside another: metadata.question
    reasoning: [explanation, deduction]               several: texts joined by a space, pictures one after another
    images: {template: "images/{folder}/{name}.png"}  a text with columns filled in
    options: {value: ["true", "false"]}               the same for every row
    answer: {column: solution, with: boxed}           a column read by a converter

docs/data.md has every field and converter.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from counterpoint.errors import UserError, nearest
from counterpoint.sources.converters import CONVERTERS
from counterpoint.sources.parsing import Refusal

FIELDS = (
    "id", "question", "answer", "answer_type", "options", "images", "reasoning", "text_twin", "difficulty", "state",
)  # fmt: skip
REQUIRED = ("question", "answer")
WAYS = ("column", "template", "value")  # one of them says where the value of a field is from
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_TAG = re.compile(r"<image\s?\d*>")


def check(fields: Mapping[str, Any], where: str = "source.fields") -> None:
    """Raise `UserError` unless every field is known and mapped in one of the ways that the module's text shows."""
    for name, spec in fields.items():
        key = f"params.yaml: {where}.{name}"
        if name not in FIELDS:
            raise UserError(f"params.yaml: unknown key {where}.{name}{nearest(name, FIELDS)}")
        if not isinstance(spec, dict):
            _check_columns(spec, key)
            continue
        for part in spec:
            if part not in (*WAYS, "with"):
                raise UserError(f"{key}: unknown key {part!r}{nearest(str(part), (*WAYS, 'with'))}")
        if sum(way in spec for way in WAYS) != 1 or ("value" in spec and "with" in spec):
            raise UserError(f"{key} must have one of {', '.join(WAYS)}, and `with` only beside column or template")
        if "column" in spec:
            _check_columns(spec["column"], key)
        if "template" in spec and not (isinstance(spec["template"], str) and _PLACEHOLDER.search(spec["template"])):
            raise UserError(f"{key}.template must be a text with a {{column}} in it, not {spec['template']!r}")
        if spec.get("with", "letter") not in CONVERTERS:
            raise UserError(f"{key}.with is {spec['with']!r}{nearest(str(spec['with']), CONVERTERS)}")
    for name in REQUIRED:
        if name not in fields:
            raise UserError(f"params.yaml: {where}.{name} is missing; say which column holds the {name}")


def _check_columns(spec: Any, key: str) -> None:
    columns = spec if isinstance(spec, list) else [spec]
    if not columns or not all(isinstance(column, str) for column in columns):
        raise UserError(f"{key} must name a column or several, not {spec!r}")


def cell(row: Mapping[str, Any], column: str) -> Any:
    """The cell of a column; `metadata.split` is the key split of the column metadata. Raises `Refusal` if missing."""
    if column in row:
        return row[column]
    value: Any = row
    for name in column.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise Refusal(f"no column {column!r}{nearest(column, map(str, row))}")
        value = value[name]
    return value


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


def _read(row: Mapping[str, Any], spec: Any, options: tuple[str, ...] | None) -> list[Any]:
    """The values that a field is made of, one a column."""
    if not isinstance(spec, dict):
        return [cell(row, column) for column in (spec if isinstance(spec, list) else [spec])]
    if "value" in spec:
        return [spec["value"]]
    if "template" in spec:
        values = [_PLACEHOLDER.sub(lambda match: plain(cell(row, match[1])), spec["template"])]
    else:
        values = _read(row, spec["column"], options)
    if "with" not in spec:
        return values
    return [CONVERTERS[spec["with"]](values[0] if len(values) == 1 else values, options)]


def text(row: Mapping[str, Any], spec: Any, options: tuple[str, ...] | None = None) -> str:
    """A field as one text, empty where the row has none. Raises `Refusal`."""
    return " ".join(filter(None, (plain(value) for value in _read(row, spec, options))))


def prose(row: Mapping[str, Any], spec: Any) -> str:
    """A field as text of one line, without the tags that hold a picture's place: pictures stand before the question."""
    return " ".join(_TAG.sub(" ", text(row, spec)).split())


def flat(row: Mapping[str, Any], spec: Any) -> list[Any]:
    """A field as a list: of what its columns hold, lists opened, nothing empty."""
    return [item for value in _read(row, spec, None) for item in _items(value)]


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]


def options(row: Mapping[str, Any], spec: Any) -> tuple[str, ...] | None:
    """The options, None for a question without. Raises `Refusal` where they repeat, are empty or are pictures."""
    texts = []
    for value in _read(row, spec, None):
        if isinstance(value, str) and value.strip().startswith("["):  # a list in a CSV cell
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise Refusal(f"its options {value!r:.60} are no JSON list") from None
        texts += [plain(item) for item in _items(value)]
    if len(set(texts)) != len(texts) or "" in texts:
        raise Refusal(f"its options {texts} repeat or hold an empty one")
    if any(_TAG.search(option) for option in texts):
        raise Refusal(f"its options {texts} are pictures")
    return tuple(texts) or None
