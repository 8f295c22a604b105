"""What the models of params.yaml say of themselves: docs/params.md, params.schema.json and the comments in params.yaml.

    python -m counterpoint.params.describe      write the first two anew

A study that is composed is written with the comments (`counterpoint/params/compose.py`).
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from counterpoint.files import Loader, read_yaml
from counterpoint.methods import METHODS
from counterpoint.params import typed
from counterpoint.params.schema import Written
from counterpoint.rewards import REWARDS
from counterpoint.sources import mapping
from counterpoint.sources.converters import CONVERTERS
from counterpoint.sources.families import FAMILIES
from counterpoint.suites import SUITES

MODELINE = "# yaml-language-server: $schema=params.schema.json"
HEAD = """\
# The parameters: every key of params.yaml

Written by `python -m counterpoint.params.describe` from the models in `counterpoint/params`, which say it and check it.
An editor that knows JSON Schema (`params.schema.json`) completes keys and marks what is wrong. NAME stands for any name
of letters, digits and `_`. Defaults are those of `studies/default.yaml`; a default of its own has what may be left out.
"""
WORDS = {
    "integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "object": "mapping",
}  # fmt: skip
MAPPED = {"$ref": "#/$defs/Mapped"}
ROOT: dict[str, Any] = typed.schema(Written)


def comment(node: dict[str, Any]) -> str:
    """The first sentence of a key's description, without its full stop."""
    return node.get("description", "").partition(". ")[0].removesuffix(".")


def commented(text: str) -> str:
    """YAML text with what its keys mean, each where it first occurs, at the end of the key's line.

    A key whose line ends within a word, and one of a mapping on one line, has none.
    """
    lines = text.splitlines(keepends=True)
    explained: set[tuple[int, str]] = set()

    def visit(mapping: yaml.MappingNode, at: dict[str, Any]) -> None:
        holder = typed.resolved(ROOT, at)
        for key, value in mapping.value:
            name, line, node = key.value, key.start_mark.line, typed.inner(ROOT, holder, key.value)
            new = name in holder.get("properties", {}) and (id(holder), name) not in explained
            if new and not any(line in within for within in _wrapped(value)):
                explained.add((id(holder), name))
                lines[line] = f"{lines[line].rstrip()}  # {comment(node)}\n"
            if isinstance(value, yaml.MappingNode) and not value.flow_style:
                visit(value, node)

    visit(yaml.compose(text, Loader), ROOT)
    return "".join(lines)


def _wrapped(node: yaml.Node) -> Iterator[range]:
    """The lines, but its last, of each word of a node."""
    if isinstance(node, yaml.ScalarNode):
        yield range(node.start_mark.line, node.end_mark.line)
    elif node.flow_style:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
        for part in parts:
            yield from _wrapped(part)


def schema_text() -> str:
    """params.schema.json: the JSON Schema of params.yaml, with the names that stand in registries of the code."""
    root = copy.deepcopy(ROOT)
    defs = root["$defs"]
    for holder, key in ((root, "suites"), (defs["Probe"], "suites"), (defs["Evaluation"], "sampled_suites")):
        holder["properties"][key]["items"]["enum"] = list(SUITES)
    defs["Problems"]["properties"]["families"]["anyOf"][0]["items"]["enum"] = list(FAMILIES)
    defs["Arm"]["properties"]["method"]["enum"] = list(METHODS)
    defs["Rl"]["properties"]["rewards"]["propertyNames"] = {"enum": list(REWARDS)}
    source = defs["Source"]["properties"]
    source["fields"] |= {"properties": dict.fromkeys(mapping.FIELDS, MAPPED), "additionalProperties": False}
    source["family"] |= MAPPED
    defs["Mapped"] = _mapped()
    parts = [{key: value for key, value in defs[name].items() if key != "required"} for name in ("Sft", "Rl")]
    defs["Arm"]["properties"]["settings"] |= {"anyOf": parts}
    root = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "title": "params.yaml of Counterpoint"}
    return f"{json.dumps(root, indent=1, ensure_ascii=False)}\n"


def _mapped() -> dict[str, Any]:
    """The JSON Schema of how a field is read from a row."""
    columns = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    converters = {
        "oneOf": [
            {"const": name, "description": inspect.getdoc(converter).partition("\n\n")[0].replace("\n", " ")}
            for name, converter in CONVERTERS.items()
        ]
    }
    words = {"type": ["string", "number", "boolean", "null"]}
    types = {
        "column": {"anyOf": [{"type": "string"}, columns]},
        "first": columns,
        "template": {"type": "string", "pattern": mapping.PLACEHOLDER.pattern},
        "value": {},
        "with": {"anyOf": [converters, {"type": "array", "items": converters, "minItems": 1}]},
        "map": {"type": "object", "additionalProperties": words, "minProperties": 1},
        "optional": {"type": "boolean"},
    }
    keys = {name: {**types[name], "description": text} for name, text in mapping.KEYS.items()}
    ways = [{"required": [way]} for way in mapping.WAYS]
    inner = {"type": "object", "properties": keys, "additionalProperties": False, "oneOf": ways}
    return {"anyOf": [{"type": "string"}, columns, inner]}


def page(default: dict[str, Any]) -> str:
    """docs/params.md; default: the parameters of studies/default.yaml."""
    sections: dict[str, list[str]] = {"The first level": []}
    listed: dict[int, str] = {}
    for key, node in ROOT["properties"].items():
        if rows := list(_rows(key, node, default.get(key), listed)):
            sections[f"`{key}`\n\n{node['description']}"] = rows
        else:
            sections["The first level"].append(_row(key, node, default))
    head = "| key | type | range or choices | meaning | default |\n|---|---|---|---|---|"
    return "\n".join([HEAD, *("\n".join([f"## {title}\n", head, *rows, ""]) for title, rows in sections.items())])


def _rows(key: str, node: dict[str, Any], default: Any, listed: dict[int, str]) -> Iterator[str]:
    """The rows of the keys of what stands under a key; of a mapping by name, of what stands under each name.

    listed: by model, the key whose rows have its keys; where it stands again, they are not listed again.
    """
    while isinstance(node.get("additionalProperties"), dict):
        key, node, default = f"{key}.NAME", node["additionalProperties"], None
    for name, of in typed.resolved(ROOT, node).get("properties", {}).items():
        path, model = f"{key}.{name}", _model(of)
        yield _row(path, of, default, f" Its keys are those of `{listed[id(model)]}`." if id(model) in listed else "")
        if "properties" in model and id(model) not in listed:
            listed[id(model)] = path
            yield from _rows(path, of, (default or {}).get(name), listed)
        entry = typed.resolved(ROOT, of).get("items", {})
        for kind in entry.get("anyOf", [entry]):
            yield from _rows(f"{path}[]", kind, None, listed)


def _model(node: dict[str, Any]) -> dict[str, Any]:
    """What stands under a key; of a mapping by name, under each name."""
    node = typed.resolved(ROOT, node)
    return _model(node["additionalProperties"]) if isinstance(node.get("additionalProperties"), dict) else node


def _row(key: str, node: dict[str, Any], default: Any, more: str = "") -> str:
    """A line of the table. Its default is that of `default`, which has the key's last part, or else the model's own."""
    name, model, of = key.rpartition(".")[2], _model(node), typed.resolved(ROOT, node)
    values = of["items"] if of.get("type") == "array" else model
    cells = [
        f"`{key}`",
        _words(node),
        " ".join(f"`{choice}`" for choice in values.get("enum", ())) or values.get("allowed") or typed.allowed(values),
        f"{node['description']}{more}",
    ]
    shown = default[name] if isinstance(default, dict) and name in default else node.get("default", ...)
    has_rows = "properties" in model and isinstance(shown, dict | list)
    cells.append("" if shown is ... or has_rows else f"`{json.dumps(shown, ensure_ascii=False)}`")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _words(node: dict[str, Any]) -> str:
    """A type in words."""
    of = typed.resolved(ROOT, node)
    null = ", or null" if {"type": "null"} in node.get("anyOf", ()) else ""
    if of.get("type") == "array":
        return f"list of {_words(of['items'])}{null}"
    if isinstance(of.get("additionalProperties"), dict):
        return f"NAME: {_words(of['additionalProperties'])}{null}"
    return WORDS.get(of.get("type"), "anything") + null


def main() -> None:
    """Write the page and the JSON Schema of the repository."""
    default = read_yaml(Path("studies/default.yaml"))
    Path("docs/params.md").write_text(page(default), encoding="utf-8")
    Path("params.schema.json").write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
