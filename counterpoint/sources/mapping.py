"""The mapping that `source.fields` states: how a field of a problem is read from a row of any schema.

    question: problem                                 a column, or one inside another: metadata.question
    reasoning: [explanation, deduction]               several: texts joined by a space, pictures one after another
    options: {first: [options, Options]}              the first of them that the row has, and that is not empty
    images: {template: "images/{folder}/{name}.png"}  a text with columns filled in
    options: {value: ["true", "false"]}               the same for every row

`with`, `map` and `optional` may stand beside `column`, `first` and `template`:

    answer: {column: solution, with: boxed}           a column read by a converter
    answer: {column: answer, with: [letter, index]}   by the first of several that can read it
    difficulty: {column: level, map: {Easy: 1}}       what a cell stands for, word by word
    options: {column: options, optional: true}        a row without the column is as one where it is empty

docs/data.md has every field and converter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from counterpoint.errors import nearest
from counterpoint.sources.converters import CONVERTERS, READINGS
from counterpoint.sources.parsing import Refusal, plain

FIELDS = (
    "id", "question", "answer", "answer_type", "options", "images", "reasoning", "text_twin", "difficulty", "state",
)  # fmt: skip
REQUIRED = ("question", "answer")
# a mapping's keys, with what params.schema.json says of them; one of the first four says where the value is from
KEYS = {
    "column": "The column, or several: texts are joined by a space, pictures one after another. a.b is b within a.",
    "first": "Columns of which the first counts that a row has and that is not empty.",
    "template": "A text with columns filled in, each in {}.",
    "value": "The same for every row.",
    "with": "The converter that reads the cell, or several: the first that can.",
    "map": "What a cell stands for, word by word. A row with another word is refused.",
    "optional": "Whether a row without the column is taken, as if it were empty.",
}
WAYS = tuple(KEYS)[:4]
BESIDE = tuple(KEYS)[4:]
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_TAG = re.compile(r"<image\s?\d*>")


class NoColumn(Refusal):
    """Why a row cannot be used that lacks a column."""


def mistakes(fields: Mapping[str, Any], key: str = "source.fields") -> Iterator[str]:
    """What is wrong with a mapping of fields, as lines that name the key: each field must be known, and mapped in one
    of the ways that the module's text shows."""
    for name, spec in fields.items():
        if name in FIELDS:
            yield from spec_mistakes(spec, f"{key}.{name}")
        else:
            yield f"unknown key {key}.{name}{nearest(name, FIELDS)}"
    for name in REQUIRED:
        if name not in fields:
            yield f"{key}.{name} is missing; say which column holds the {name}"
    for name in converters(fields.get("answer")):
        if name in READINGS and "options" not in fields:
            yield f"{key}.answer.with is {name!r}, which names an option, but {key}.options is missing; map it"


def spec_mistakes(spec: Any, key: str) -> Iterator[str]:
    """What is wrong with how one field is mapped."""
    if not isinstance(spec, dict):
        yield from _columns_mistakes(spec, key)
        return
    for part in spec:
        if part not in KEYS:
            yield f"{key}: unknown key {part!r}{nearest(str(part), KEYS)}"
    if sum(way in spec for way in WAYS) != 1:
        yield f"{key} must have one of {', '.join(WAYS)}"
    for part in BESIDE:
        if "value" in spec and part in spec:
            yield f"{key}: `{part}` may not stand beside value, only beside column, first or template"
    if "column" in spec:
        yield from _columns_mistakes(spec["column"], key)
    if "first" in spec and not isinstance(spec["first"], list):
        yield f"{key}.first must be a list of columns, not {spec['first']!r}"
    elif "first" in spec:
        yield from _columns_mistakes(spec["first"], f"{key}.first")
    if "template" in spec and not (isinstance(spec["template"], str) and PLACEHOLDER.search(spec["template"])):
        yield f"{key}.template must be a text with a {{column}} in it, not {spec['template']!r}"
    names = spec.get("with", "letter")
    for name in names if isinstance(names, list) and names else [names]:
        if name not in list(CONVERTERS):  # a list compares what cannot be hashed too
            yield f"{key}.with is {name!r}{nearest(str(name), CONVERTERS)}"
    words = spec.get("map", {"": None})
    if not (isinstance(words, dict) and words and all(isinstance(v, str | int | float | None) for v in words.values())):
        yield f"{key}.map must say what each word stands for, such as {{Easy: 1, Hard: 2}}, not {words!r}"
    if not isinstance(spec.get("optional", True), bool):
        yield f"{key}.optional must be true or false, not {spec['optional']!r}"


def _columns_mistakes(spec: Any, key: str) -> Iterator[str]:
    columns = spec if isinstance(spec, list) else [spec]
    if not columns or not all(isinstance(column, str) for column in columns):
        yield f"{key} must name a column or several, not {spec!r}"


def whole(spec: Any) -> dict[str, Any]:
    """How a field is mapped, written as a mapping."""
    return spec if isinstance(spec, dict) else {"column": spec}


def converters(spec: Any) -> list[str]:
    """The converters that may read a field, in their order."""
    names = whole(spec).get("with", [])
    return names if isinstance(names, list) else [names]


def columns(spec: Any) -> list[str]:
    """The columns that a field is made of."""
    spec = whole(spec)
    if "template" in spec:
        return PLACEHOLDER.findall(spec["template"])
    names = spec.get("column", spec.get("first", []))
    return names if isinstance(names, list) else [names]


def cell(row: Mapping[str, Any], column: str) -> Any:
    """The cell of a column; `metadata.split` is the key split of the column metadata. Raises `NoColumn` if missing."""
    if column in row:
        return row[column]
    value: Any = row
    for name in column.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise NoColumn(f"no column {column!r}{nearest(column, map(str, row))}")
        value = value[name]
    return value


def has(row: Mapping[str, Any], column: str) -> bool:
    """Whether the row has the column, be it empty."""
    try:
        cell(row, column)
    except NoColumn:
        return False
    return True


def _read(row: Mapping[str, Any], spec: Any, options: tuple[str, ...] | None) -> list[Any]:
    """The values that a field is made of, one a column."""
    spec = whole(spec)
    if "value" in spec:
        return [spec["value"]]
    if "template" in spec:
        values = _filled(row, spec)
    elif "first" in spec:
        values = _first(row, spec)
    else:
        values = [_cell(row, column, spec) for column in columns(spec)]
    if spec.get("optional") and all(value is None for value in values):
        return values
    if "with" in spec:
        values = [_converted(values[0] if len(values) == 1 else values, converters(spec), options)]
    if "map" in spec:
        values = [_mapped(value, spec) for value in values]
    return values


def _cell(row: Mapping[str, Any], column: str, spec: dict[str, Any]) -> Any:
    return None if spec.get("optional") and not has(row, column) else cell(row, column)


def _filled(row: Mapping[str, Any], spec: dict[str, Any]) -> list[Any]:
    if spec.get("optional") and any(_cell(row, column, spec) is None for column in columns(spec)):
        return [None]
    return [PLACEHOLDER.sub(lambda match: plain(cell(row, match[1])), spec["template"])]


def _first(row: Mapping[str, Any], spec: dict[str, Any]) -> list[Any]:
    present = [cell(row, column) for column in spec["first"] if has(row, column)]
    if not present and not spec.get("optional"):
        names = " nor ".join(map(repr, spec["first"]))
        raise NoColumn(f"no column {names}{nearest(spec['first'][0], map(str, row))}")
    return [next((value for value in present if value not in (None, "", [])), None)]


def _converted(value: Any, names: list[str], options: tuple[str, ...] | None) -> Any:
    refusals = []
    for name in names:
        try:
            return CONVERTERS[name](value, options)
        except Refusal as refusal:
            refusals.append(str(refusal))
    raise Refusal("; ".join(dict.fromkeys(refusals)))


def _mapped(value: Any, spec: dict[str, Any]) -> Any:
    word = plain(value)
    if word not in spec["map"]:
        where = " ".join(columns(spec))
        raise Refusal(f"{word!r:.60} of {where!r} is not in its map{nearest(word, spec['map'])}")
    return spec["map"][word]


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
