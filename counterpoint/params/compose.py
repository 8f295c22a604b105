"""Studies: params.yaml is studies/default.yaml with the overlay of one study, plainly visible in `git diff`.

params.yaml is composed anew only when its `study` key names another study, so a hand edit survives. Where another study
takes its place, what was changed on it is kept below .studies/, and laid on it again when it comes back. KEY=VALUE
settings are always applied. Spaces separate them, also in the Makefile's SET='…', so a value holds none: a list is
written suites=[in_domain,text_twin], a mapping is set key by key (rl.rewards.format=0.2), or whole as JSON where it is
null. The runs and trace sets that follow from the rules under `runs` stand in grid.yaml, which is written with it
(counterpoint/params/grid.py).
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from counterpoint import params, running
from counterpoint.errors import UserError, nearest, one_line
from counterpoint.files import Loader, OneLine, dump_yaml, read_yaml, replace
from counterpoint.params import changes, describe, grid, typed

NAMED, TUNED = ("bases", "plants", "arms", "kinds"), ("sft", "rl", "arms")  # sections of names, the latter of `tune`
REPLACED = ("runs", "models", "bases", "fields", "rewards", "sizes")  # by an overlay, not merged
PARAMS, STUDIES = Path("params.yaml"), Path("studies")
FREE = ("settings", "options", "fields", "rewards", "sizes")  # mappings that SET may add keys to
HEAD = """\
# The parameters of the current study; a stage depends on the keys that it reads. Edit, then `dvc repro`.
# docs/params.md has every key, with its range and the default."""


def merge(under: dict, over: dict) -> dict:
    """`over` laid on `under`; nested mappings merge key by key, but for those in REPLACED."""
    merged = copy.deepcopy(under)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict) and key not in REPLACED:
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def apply(data: dict, setting: str) -> None:
    """Set `a.b.c=value` in place.

    Raises `UserError` for a missing `=`, a value that is no YAML, an unknown key, and a key below null or a value.
    """
    key, sign, text = setting.partition("=")
    if not sign:
        raise UserError(f"SET: {setting!r} is not KEY=VALUE")
    try:
        value = yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError) as error:
        remedy = "spaces separate settings, so write a list without them and set a mapping key by key"
        raise UserError(f"SET: {setting!r} is not valid YAML ({one_line(error)}); {remedy}") from None
    keys = key.split(".")
    mapping, node, last = data, describe.ROOT, len(keys) - 1
    for depth, name in enumerate(keys):
        if mapping is None:
            raise UserError(_of_null(".".join(keys[:depth]), node, name, value))
        if not isinstance(mapping, dict):
            raise UserError(f"SET: {'.'.join(keys[:depth])} holds no keys")
        defined = {**mapping, **typed.resolved(describe.ROOT, node).get("properties", {})}
        if name not in defined and not (0 < depth == last and keys[depth - 1] in FREE):
            raise UserError(f"SET: unknown key {'.'.join(keys[: depth + 1])}{nearest(name, defined)}")
        node = typed.inner(describe.ROOT, node, name)
        if depth < last:
            mapping = mapping.setdefault(name, {})  # what may be left out, such as an arm's options
    mapping[name] = value


def _of_null(key: str, node: dict, part: str, value: Any) -> str:
    """What to say of a setting of the key `part` of what is null, with a whole that may be set in its place.

    node: the JSON Schema of what is null, whose examples are such wholes.
    """
    if "examples" not in node:
        return f"SET: {key} is null and holds no keys"
    example = next((each for each in node["examples"] if part in each), node["examples"][0])
    order = typed.resolved(describe.ROOT, node)["properties"]
    whole = {name: value if name == part else example[name] for name in order if name in example}
    text = json.dumps(whole, separators=(",", ":"), default=str)
    return f"SET: {key} is null and has no key {part}; set it whole: {key}={text}"


def names(folder: Path = STUDIES) -> list[str]:
    """The studies in the folder."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def study(name: str, folder: Path = STUDIES) -> dict:
    """Default plus the study's overlay. Raises `UserError` for an unknown study."""
    if name not in names(folder):
        raise UserError(f"unknown study {name!r}{nearest(name, names(folder))}")
    overlay = read_yaml(folder / f"{name}.yaml") if name != "default" else {}
    data = merge(read_yaml(folder / "default.yaml"), overlay) | {"study": name}
    bases, models = data.get("bases"), data.get("models")
    if isinstance(bases, dict) and isinstance(models, dict):
        # a study of other models has no use for the shipped bases, and their cards ask for models.NAME
        data["bases"] = {name: recipe for name, recipe in bases.items() if name in models}
    return data


def dump(data: dict) -> str:
    """Valid parameters as YAML: an entry of a section of names on a line, and a comment where a key is new."""
    shown = {key: _on_lines(value) if key in NAMED else value for key, value in data.items()}
    shown["tune"] = {key: _on_lines(value) if key in TUNED else value for key, value in data["tune"].items()}
    shown["runs"] = {**data["runs"], "train": [OneLine(rule) for rule in data["runs"]["train"]]}
    return f"{describe.MODELINE}\n{HEAD}\n{describe.commented(dump_yaml(shown, width=118))}"


def _on_lines(section: dict) -> dict:
    """A section of names, each of its entries on a line."""
    return {name: OneLine(entry) if isinstance(entry, dict) else entry for name, entry in section.items()}


@dataclass(frozen=True)
class Composed:
    """A study as it would stand in params.yaml: its parameters, as mappings and validated, the text of the file, and
    what of it is not as studies/ has it."""

    study: str
    data: dict
    params: params.Params
    text: str
    changes: list[changes.Change]

    def in_words(self) -> str:
        """The study and what was changed on it, in a line."""
        if not self.changes:
            return f"study {self.study}, as it stands in studies/"
        return f"study {self.study}; changed on it: {changes.in_words(self.changes)}"


def resolve(
    name: str, overrides: Sequence[str] = (), path: Path = PARAMS, folder: Path = STUDIES, fresh: bool = False
) -> Composed:
    """What `make study STUDY=… SET=…` would run with: the content of `path` where that is the study (or `name` is
    empty), else what is composed, with what was kept of changes on it unless `fresh`. Nothing is written.

    Raises `UserError` for an unknown study or setting, and for parameters that are not valid.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    held = read_yaml(path) if before or not name else {}
    name = name or str(held.get("study"))
    if held.get("study") == name and not fresh:
        data, where, text = held, str(path), before
        plain = study(name, folder) if name in names(folder) else held
    else:
        plain, where, text = study(name, folder), str(folder / f"{name}.yaml"), ""
        data = plain if fresh else changes.restore(name, plain, path.parent)
    if overrides:
        where = where if data == held else f"{where} with SET"
        data, text = copy.deepcopy(data), ""
    for setting in overrides:
        apply(data, setting)
    parsed = params.parse(data, where)
    return Composed(name, data, parsed, text or dump(data), changes.differences(plain, data))


def write(
    name: str, overrides: Sequence[str] = (), path: Path = PARAMS, folder: Path = STUDIES, fresh: bool = False
) -> bool:
    """Bring `path` to the study and the settings, and grid.yaml beside it to what follows; true if either changed.

    Raises `UserError` before anything is written, also where it would change under another process that runs a study.
    """
    return save(resolve(name, overrides, path, folder, fresh), path, folder)


def save(composed: Composed, path: Path = PARAMS, folder: Path = STUDIES) -> bool:
    """Write what was composed, as `write` does."""
    wanted = {path: composed.text, path.with_name(grid.FILE.name): grid.as_yaml(composed.params)}
    stale = {file: text for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text}
    if not stale:
        return False
    running.check_free(path)
    if path in stale and path.exists():
        _keep(path, composed, folder)
    for file, text in stale.items():
        replace(file, text)
    changes.save(composed.study, [], path.parent)  # params.yaml alone says from now on what was changed
    return True


def _keep(path: Path, composed: Composed, folder: Path) -> None:
    """Keep what `path` holds of changes to its study, unless what replaces it has them too."""
    held = read_yaml(path)
    name = str(held.get("study"))
    try:
        plain = study(name, folder)
    except UserError:  # a study that is no more
        plain = {}
    changed = changes.differences(plain, held)
    if name != composed.study:
        changes.save(name, changed, path.parent)
    lost = name != composed.study or any(change not in composed.changes for change in changed)
    if changed and lost:
        file = changes.save_copy(name, path.read_text(encoding="utf-8"), path.parent)
        print(f"{path} held changes to the study {name!r}: {file} keeps the old file", file=sys.stderr)


def split_settings(words: list[str]) -> list[str]:
    """The KEY=VALUE settings in these words of a command line, several of which may stand in one word."""
    return [setting for word in words for setting in word.split()]
