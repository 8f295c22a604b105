"""Reading and writing YAML, and writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from counterpoint.errors import UserError, one_line


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """PyYAML with the floats of YAML 1.2: `1e-5` is a number, as DVC reads it, not a string."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$"), list("-+0123456789.")
)


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file. Raises `UserError` when the file cannot be read or holds no mapping."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `make study` writes params.yaml from studies/default.yaml") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path}: not valid YAML: {one_line(error)}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must be a mapping of parameters")
    return data


class OneLine(dict):
    """A mapping that `dump_yaml` writes on one line."""


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers  # a word that would be read as a number is quoted


def _list(dumper: yaml.SafeDumper, values: list) -> yaml.Node:
    on_one_line = not any(isinstance(value, dict) for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=on_one_line)


def _one_line(dumper: yaml.SafeDumper, mapping: OneLine) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", mapping.items(), flow_style=True)


_Dumper.add_representer(list, _list)
_Dumper.add_representer(OneLine, _one_line)


def dump_yaml(data: dict[str, Any], width: int) -> str:
    """YAML in the order of the mapping: plain lists and `OneLine` mappings on a line each, broken after `width`
    characters."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=width, allow_unicode=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; what stands there takes the place of `path` when all went well.

    So a reader sees the old or the new content, never half of it. The folder is made where it is missing. After an
    error `path` is as it was, and nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
    scratch.unlink(missing_ok=True)  # of a process that had this number and was killed
    try:
        yield scratch
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def replace(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, sort_keys: bool = False) -> None:
    """Write a JSON file whole or not at all, indented by one, for people read these."""
    replace(path, json.dumps(content, indent=1, sort_keys=sort_keys, ensure_ascii=False) + "\n")
