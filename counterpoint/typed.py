"""YAML as typed, validated objects: an unknown key or a wrong type is an error that names its neighbour."""

from __future__ import annotations

import dataclasses
import difflib
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

import yaml

from counterpoint.errors import UserError


class Loader(yaml.SafeLoader):
    """PyYAML with the floats of YAML 1.2: `1e-5` is a number, as DVC reads it, not a string."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$"), list("-+0123456789.")
)


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known name, or the list of what is known."""
    known = list(known)
    close = difflib.get_close_matches(name, known, 1, 0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(map(repr, known))}" if known else ""


def build(kind: Any, value: Any, key: str, where: str = "params.yaml") -> Any:
    """`value` as an instance of the type `kind`. Raises `UserError` that names file, key and remedy."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return build(next(a for a in arguments if a is not type(None)), value, key, where)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, key, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise UserError(f"{where}: {key} must be a mapping, not {value!r}")
        return {str(k): build(arguments[1], v, f"{key}.{k}", where) for k, v in value.items()}
    if origin is list:
        if not isinstance(value, list):
            raise UserError(f"{where}: {key} must be a list, not {value!r}")
        return [build(arguments[0], v, f"{key}[{i}]", where) for i, v in enumerate(value)]
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= sys.float_info.max:  # not a number, infinite, or too large an integer
            raise UserError(f"{where}: {key} must be a finite number, not {value!r}")
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{where}: {key} must be of type {kind.__name__}, not {value!r} ({type(value).__name__})")
    return value


def _build_dataclass(kind: Any, value: Any, key: str, where: str) -> Any:
    if not isinstance(value, dict):
        raise UserError(f"{where}: {key or 'the file'} must be a mapping, not {value!r}")
    hints = typing.get_type_hints(kind)
    prefix = f"{key}." if key else ""
    for name in value:
        if name not in hints:
            hint = nearest(str(name), hints) if hints else f"; {key} takes no keys, leave it out"
            raise UserError(f"{where}: unknown key {prefix}{name}{hint}")
    missing = dataclasses.MISSING
    optional = {f.name for f in dataclasses.fields(kind) if (f.default, f.default_factory) != (missing, missing)}
    for name in hints:
        if name not in value and name not in optional:
            raise UserError(f"{where}: {prefix}{name} is missing; studies/default.yaml has it or shows entries like it")
    return kind(**{name: build(hints[name], value[name], f"{prefix}{name}", where) for name in hints if name in value})


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file. Raises `UserError` when it cannot be read or is none."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `make study` writes params.yaml from studies/default.yaml") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must be a mapping of parameters")
    return data
