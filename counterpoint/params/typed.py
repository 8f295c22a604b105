"""YAML as typed, validated objects: pydantic checks, and the first mistake in the file becomes one line of ours."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.json_schema import GenerateJsonSchema

from counterpoint.errors import UserError, nearest

EXACT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
# the decorator of every section: a dataclass whose values are checked, also where code makes or replaces one
section = functools.partial(dataclass, frozen=True, config=EXACT)

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
LARGEST_SEED = 2**32 - 1  # of NumPy's global generator, which training seeds
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Above0 = Annotated[float, Field(gt=0)]
AtLeast0 = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PartOf1 = Annotated[float, Field(gt=0, le=1)]

TYPES = {  # of JSON Schema, in words
    "integer": "of type int", "number": "of type float", "string": "of type str", "boolean": "of type bool",
    "array": "a list", "object": "a mapping",
}  # fmt: skip


class _Schema(GenerateJsonSchema):
    """A choice between models is `anyOf`, whether or not a function tells them apart."""

    def tagged_union_schema(self, schema: Any) -> dict[str, Any]:
        return {"anyOf": super().tagged_union_schema(schema)["oneOf"]}


@functools.cache
def _checker(kind: Any) -> TypeAdapter:
    """What checks a list of values of the type `kind`: pydantic takes no configuration for a dataclass itself."""
    return TypeAdapter(list[kind], config=EXACT)


@functools.cache
def schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of the type `kind`."""
    return TypeAdapter(kind).json_schema(schema_generator=_Schema)


def resolved(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema that `node`, of the schema `root`, refers to; of what may be null, that of what is not."""
    while "anyOf" in node or "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node["anyOf"][0]
    return node


def inner(root: dict[str, Any], node: dict[str, Any], part: str | int) -> dict[str, Any]:
    """The JSON Schema of what `node`, of the schema `root`, has under a key or at an index; {} for anything."""
    node = resolved(root, node)
    below = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
    below = node.get("additionalProperties") if below is None else below
    return below if isinstance(below, dict) else {}


def allowed(node: dict[str, Any]) -> str:
    """The range that a resolved JSON Schema has for a number, in words; empty for none."""
    low, above, high, below = (node.get(f"{end}imum") for end in ("min", "exclusiveMin", "max", "exclusiveMax"))
    if low is not None and high is not None:
        return f"between {low:.12g} and {high:.12g}"
    ends = (("at least", low), ("above", above), ("at most", high), ("below", below))
    return " and ".join(f"{word} {end:.12g}" for word, end in ends if end is not None)


def build(kind: Any, value: Any, key: str, where: str = "params.yaml") -> Any:
    """`value`, as YAML gives it, as an instance of a type.

    kind: a dataclass, or another type that pydantic knows. key: where the value stands, such as `arms.rl.settings`;
    empty for a whole file. where: the file's name.

    Raises `UserError` that names file, key and remedy.
    """
    try:  # by way of JSON, whose mappings have words for keys and whose types are few and exact
        return _checker(kind).validate_json(json.dumps([_plain(value)]))[0]
    except ValidationError as error:
        mistakes = [_mistake(schema(kind), each["type"], each["loc"][1:], value) for each in error.errors()]
        first = min(mistakes, key=lambda mistake: mistake.position)
        raise UserError(f"{where}: {_message(first, key)}") from None


@dataclasses.dataclass(frozen=True)
class _Mistake:
    """pydantic's name for a mistake; the keys and indices that lead to it; the index of each of these on its level of
    the file, where what is missing comes last; the value; the JSON Schemas of what should be there and of its holder.
    """

    type: str
    path: list[str | int]
    position: list[int]
    value: Any
    node: dict[str, Any]
    holder: dict[str, Any]


def _plain(value: Any) -> Any:
    """A value as JSON has it. What YAML has beyond that, such as a date, becomes NaN, which is of no type."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | None) else math.nan


def _mistake(root: dict[str, Any], name: str, location: Sequence[str | int], value: Any) -> _Mistake:
    """pydantic's location also names the member of a union; that is no key."""
    path, position, holder, node = [], [], root, root
    for part in location:
        member = next((each for each in node.get("anyOf", ()) if each.get("$ref", "").endswith(f"/{part}")), None)
        if member is not None:
            node = member
            continue
        path.append(part)
        holder, node = node, inner(root, node, part)
        if isinstance(part, int):
            position.append(part)
            value = value[part]
        else:
            entries = {str(key): entry for key, entry in value.items()} if isinstance(value, dict) else {}
            position.append([*entries, part].index(part))
            value = entries.get(part)
    return _Mistake(name, path, position, value, resolved(root, node), resolved(root, holder))


def _message(mistake: _Mistake, key: str) -> str:
    """One line, without the file's name, for a mistake in what stands under `key`."""
    path, node, value = mistake.path, mistake.node, mistake.value
    around, name = (_name(key, parts) for parts in (path[:-1], path))
    match mistake.type:
        case "unexpected_keyword_argument":
            keys = mistake.holder.get("properties")
            hint = nearest(path[-1], keys) if keys else f"; {around} takes no keys, leave it out"
            return f"unknown key {name}{hint}"
        case "missing":
            return f"{name} is missing; studies/default.yaml has it or shows entries like it"
        case "literal_error" if isinstance(value, str):
            start = f"{around}: unknown name {value!r}" if isinstance(path[-1], int) else f"{name} is {value!r}"
            return f"{start}{nearest(value, node.get('enum') or [node['const']])}"
        case "finite_number":
            return f"{name} must be a finite number, not {value!r}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            number = float(value) if node["type"] == "number" else value
            return f"{name} must be {node.get('allowed') or allowed(node)}, not {number}"
        case "json_invalid":
            return f"{name or 'the file'} has a word with half a character; write it anew"
    return f"{name or 'the file'} {_of_another_type(value, node.get('type', ''))}"


def _name(key: str, path: Sequence[str | int]) -> str:
    return (key + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)).removeprefix(".")


def _of_another_type(value: Any, wanted: str) -> str:
    """What is wrong with a value that is not of a type of JSON Schema, and how to write it where that is plain."""
    if wanted not in TYPES:
        return f"cannot be {value!r}"
    kind = f" ({type(value).__name__})" if TYPES[wanted].startswith("of") else ""
    remedy = ""
    if wanted == "array" and isinstance(value, str | int):
        remedy = f"; write [{value}]"
    elif wanted == "string" and type(value) in (int, float):
        remedy = f"; write '{value}'"
    return f"must be {TYPES[wanted]}, not {value!r}{kind}{remedy}"
