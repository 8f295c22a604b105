"""YAML as typed, validated objects: pydantic checks, and its first error in the file becomes one line of ours."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from counterpoint.errors import UserError, nearest

EXACT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)  # how all is read
TYPES = {  # of JSON Schema, in words
    "integer": "of type int", "number": "of type float", "string": "of type str", "boolean": "of type bool",
    "array": "a list", "object": "a mapping",
}  # fmt: skip


@functools.cache
def _checker(kind: Any) -> TypeAdapter:
    """What checks a list of values of the type `kind`: beside a dataclass itself pydantic takes no configuration."""
    return TypeAdapter(list[kind], config=EXACT)


@functools.cache
def schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of the type `kind`."""
    return TypeAdapter(kind).json_schema()


def resolved(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema that `node`, of the schema `root`, refers to; of what may be null, that of what is not."""
    while "anyOf" in node or "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node["anyOf"][0]
    return node


def inner(root: dict[str, Any], node: dict[str, Any], part: str | int) -> dict[str, Any]:
    """The JSON Schema of what `node`, of the schema `root`, has under a key or at an index; {} for anything."""
    node = resolved(root, node)
    found = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
    found = node.get("additionalProperties") if found is None else found
    return found if isinstance(found, dict) else {}


def allowed(node: dict[str, Any]) -> str:
    """The range that a resolved JSON Schema has for a number, in words; empty for none."""
    low, above, high, below = (node.get(f"{end}imum") for end in ("min", "exclusiveMin", "max", "exclusiveMax"))
    if low is not None and high is not None:
        return f"between {low:.12g} and {high:.12g}"
    ends = (("at least", low), ("above", above), ("at most", high), ("below", below))
    return " and ".join(f"{word} {end:.12g}" for word, end in ends if end is not None)


def build(kind: Any, value: Any, key: str, where: str = "params.yaml", of: str | None = None) -> Any:
    """`value`, as YAML gives it, as an instance of the type `kind`: a dataclass, or another that pydantic knows. Raises
    `UserError` that names file, key and remedy.

    key: where the value stands, such as `arms.rl.settings`; empty for a whole file. of: what is told before the key of
    a value out of range or not among the choices, in place of `key` and a dot.
    """
    try:  # by way of JSON, whose mappings have words for keys and whose types are few and exact
        return _checker(kind).validate_json(json.dumps([_plain(value)]))[0]
    except ValidationError as error:
        found = [(one["type"], one["loc"][1:]) for one in error.errors()]
        mistake, parts = min(found, key=lambda one: _place(one[1], value))
        raise UserError(f"{where}: {_told(mistake, parts, kind, value, key, of)}") from None


def _plain(value: Any) -> Any:
    """A value as JSON has it. What YAML has beyond that, such as a date, becomes NaN, which is of no type."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | None) else math.nan


def _inside(value: Any, part: str | int) -> Any:
    """What stands at an index of a list, or under a key (as a word) of a mapping; None where nothing does."""
    if isinstance(part, int):
        return value[part]
    return next((v for k, v in value.items() if str(k) == part), None) if isinstance(value, dict) else None


def _place(parts: Sequence[str | int], value: Any) -> list[int]:
    """Where something stands in the file: on each level on the way the index of its key; what is missing comes last."""
    places = []
    for part in parts:
        names = map(str, value) if isinstance(value, dict) else ()
        places.append(part if isinstance(part, int) else [*names, part].index(part))
        value = _inside(value, part)
    return places


def _told(mistake: str, parts: Sequence[str | int], kind: Any, value: Any, key: str, of: str | None) -> str:
    """An error of pydantic's, and the keys and indices that lead to it, as one line of ours without the file's name."""
    root = holder = node = schema(kind)
    around, path = "", ""
    for part in parts:
        holder, node, value = node, inner(root, node, part), _inside(value, part)
        around, path = path, f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}"
    holder, node = resolved(root, holder), resolved(root, node)
    around, name = (f"{key}{names}".removeprefix(".") for names in (around, path))
    given = f"{of}{path.removeprefix('.')}" if of else name
    match mistake:
        case "unexpected_keyword_argument":
            known = holder.get("properties")
            hint = nearest(parts[-1], known) if known else f"; {around} takes no keys, leave it out"
            return f"unknown key {name}{hint}"
        case "missing":
            return f"{name} is missing; studies/default.yaml has it or shows entries like it"
        case "literal_error" if isinstance(value, str):
            of_list = isinstance(parts[-1], int)
            said = f"{around}: unknown name {value!r}" if of_list else f"{given} is {value!r}"
            return f"{said}{nearest(value, node.get('enum') or [node['const']])}"
        case "finite_number":
            return f"{name} must be a finite number, not {value!r}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            number = float(value) if node["type"] == "number" else value
            return f"{given} must be {node.get('allowed') or allowed(node)}, not {number}"
        case "json_invalid":
            return f"{name or 'the file'} has a word with half a character; write it anew"
    wanted = TYPES.get(node.get("type", ""))
    if wanted is None:
        return f"{name} cannot be {value!r}"
    told = f" ({type(value).__name__})" if wanted.startswith("of") else ""
    return f"{name or 'the file'} must be {wanted}, not {value!r}{told}"
