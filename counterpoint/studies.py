"""Studies: params.yaml is studies/default.yaml with the overlay of one study, plainly visible in `git diff`.

    python -m counterpoint.studies quick                      compose, if params.yaml holds another study
    python -m counterpoint.studies quick rl.learning_rate=1e-5

params.yaml is written anew only when its `study` key names another study, so a hand edit survives; where another study
replaces a changed file, the file is kept as params.yaml.before. KEY=VALUE settings are always applied. Spaces separate
them, also in the Makefile's SET='…', so a value holds none: a list is written suites=[in_domain,text_twin], a mapping
is set key by key (rl.rewards.format=0.2). What follows from arms and kinds is always derived anew: of every run its
method, the trace set that it imitates and the arm that it starts from, and the section `traces`, the sets that runs
imitate. So a run is added by hand as one line (arm, model, sample, seed), and `traces` are not edited at all.

In an overlay `runs` may be given as blocks of lists, which are expanded to one line a run:

    runs:
      sft: [{arms: [sft], models: [small], samples: [2k], seeds: [0, 1, 2]}]
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from counterpoint import params, running, trace_sets
from counterpoint.errors import UserError, one_line
from counterpoint.typed import Loader, nearest, read_yaml

BLOCK = ("arms", "models", "samples", "seeds")  # the lists whose every combination is a run
ONE_LINE = {"arm", "model", "sample", "seed", "method", "traces", "start", "kind", "reads", "way", "teacher"}  # entries
REPLACED = ("runs", "models", "bases", "fields", "rewards", "sizes")  # by an overlay, not merged
FREE = ("settings", "options", "fields", "rewards", "sizes")  # mappings that SET may add keys to
OPTIONAL = {f.name for f in dataclasses.fields(params.Arm)} - {"method", "settings"}


def merge(under: dict, over: dict) -> dict:
    """`over` laid on `under`; nested mappings merge key by key, but for those in REPLACED."""
    merged = copy.deepcopy(under)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict) and key not in REPLACED:
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def expand(runs: Any, where: str = "params.yaml") -> dict[str, Any]:
    """Blocks of lists as one entry a run, keyed by run_id; mappings stay as they are.

    Raises `UserError` naming file and key for what is neither.
    """
    stages = ("base", *params.STAGES)
    if not isinstance(runs, dict):
        raise UserError(f"{where}: runs must be a mapping with the keys {', '.join(stages)}, not {runs!r}")
    for stage in runs:
        if stage not in stages:
            raise UserError(f"{where}: unknown key runs.{stage}{nearest(str(stage), stages)}")
    expanded: dict[str, Any] = {}
    for stage in stages:
        blocks = runs.get(stage, {})
        if isinstance(blocks, dict):
            expanded[stage] = blocks
            continue
        if not isinstance(blocks, list):
            kind = "models" if stage == "base" else "blocks"
            raise UserError(f"{where}: runs.{stage} must be a list of {kind}, not {blocks!r}; [] for no runs")
        if stage == "base":
            expanded[stage] = {f"base-{model}": {"model": model} for model in blocks}
            continue
        expanded[stage] = {}
        for index, block in enumerate(blocks):
            _check_block(block, f"runs.{stage}[{index}]", where)
            for arm, model, sample, seed in itertools.product(*(block[k] for k in BLOCK)):
                run = {"arm": arm, "model": model, "sample": sample, "seed": seed}
                expanded[stage][params.Run(**run).run_id] = run
    return expanded


def _check_block(block: Any, key: str, where: str) -> None:
    if not isinstance(block, dict):
        raise UserError(f"{where}: {key} must be a mapping with the keys {', '.join(BLOCK)}, not {block!r}")
    for name in block:
        if name not in BLOCK:
            raise UserError(f"{where}: unknown key {key}.{name}{nearest(str(name), BLOCK)}")
    for name in BLOCK:
        if name not in block:
            raise UserError(f"{where}: {key}.{name} is missing; a block lists {', '.join(BLOCK)}")
        if not isinstance(block[name], list) or not block[name]:
            hint = f"; write [{block[name]}]" if isinstance(block[name], str | int) else ""
            raise UserError(f"{where}: {key}.{name} must be a list of at least one, not {block[name]!r}{hint}")


def apply(data: dict, setting: str) -> None:
    """Set `a.b.c=value` in place. Raises `UserError` for an unknown key, a missing `=` or a value that is no YAML."""
    key, sign, text = setting.partition("=")
    if not sign:
        raise UserError(f"SET: {setting!r} is not KEY=VALUE")
    *path, last = key.split(".")
    place: Any = data
    for depth, name in enumerate(path):
        if depth == 2 and path[0] == "arms" and name == "options" and isinstance(place, dict):
            place.setdefault(name, {})
        if not isinstance(place, dict) or name not in place:
            known = place if isinstance(place, dict) else {}
            raise UserError(f"SET: unknown key {'.'.join(path[: depth + 1])}{nearest(name, known)}")
        place = place[name]
    if not isinstance(place, dict):
        raise UserError(f"SET: {'.'.join(path)} holds no keys")
    left_out = OPTIONAL if len(path) == 2 and path[0] == "arms" else ()
    if last not in (*place, *left_out) and not (path and path[-1] in FREE):
        raise UserError(f"SET: unknown key {key}{nearest(last, (*place, *left_out))}")
    try:
        place[last] = yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError) as error:
        remedy = "spaces separate settings, so write a list without them and set a mapping key by key"
        raise UserError(f"SET: {setting!r} is not valid YAML ({one_line(error)}); {remedy}") from None


def compose(study: str, folder: Path = Path("studies")) -> dict:
    """Default plus the study's overlay, its runs expanded. Raises `UserError` for an unknown study."""
    known = sorted(p.stem for p in folder.glob("*.yaml"))
    if study not in known:
        raise UserError(f"unknown study {study!r}{nearest(study, known)}")
    data = read_yaml(folder / "default.yaml")
    overlay = read_yaml(folder / f"{study}.yaml") if study != "default" else {}
    data = merge(data, overlay)
    data["study"] = study
    bases, models = data.get("bases"), data.get("models")
    if isinstance(bases, dict) and isinstance(models, dict):
        # a study of other models has no use for the shipped bases, and their cards ask for models.NAME
        data["bases"] = {name: recipe for name, recipe in bases.items() if name in models}
    data["runs"] = expand(data.get("runs"), str(folder / f"{study if 'runs' in overlay else 'default'}.yaml"))
    trace_sets.complete(data)
    return data


def dump(data: dict) -> str:
    """The parameters as YAML: short mappings (one run, one field list) on one line."""

    class Dumper(yaml.SafeDumper):
        pass

    def mapping(dumper, value):
        flat = value and all(not isinstance(v, dict | list) for v in value.values()) and set(value) <= ONE_LINE
        return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=bool(flat))

    Dumper.add_representer(dict, mapping)
    Dumper.add_representer(list, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, flow_style=True))
    head = "# The parameters of the current study; a stage depends on the keys that it reads. Edit, then `dvc repro`.\n"
    return head + yaml.dump(data, Dumper=Dumper, sort_keys=False, width=118, allow_unicode=True)


def changed_by_hand(text: str, study: Any, folder: Path) -> bool:
    """Whether the text of a params.yaml is other than its own study composes to, by an edit or by settings."""
    try:
        return text != dump(compose(str(study), folder))
    except UserError:
        return True


def with_settings(study: str, overrides: list[str], held: dict, path: Path, folder: Path) -> tuple[dict, str]:
    """The study with the settings applied, and the name of its source for messages: `held`, the content of `path`,
    where that is the study, else as composed. Raises `UserError` for an unknown study or setting."""
    data, where = compose(study, folder), str(folder / f"{study}.yaml")
    if held.get("study") == study:
        data, where = held, str(path)
    elif overrides:
        where = f"{where} with SET"
    for setting in overrides:
        apply(data, setting)
    return data, where


def composed(
    study: str, overrides: list[str], path: Path = Path("params.yaml"), folder: Path = Path("studies")
) -> tuple[dict, str]:
    """What `make study STUDY=… SET=…` would run with, and where it is from. Raises `UserError` as that would."""
    data, where = with_settings(study, overrides, read_yaml(path) if path.exists() else {}, path, folder)
    trace_sets.complete(data)
    return data, where


def write(study: str, overrides: list[str], path: Path = Path("params.yaml"), folder: Path = Path("studies")) -> bool:
    """Bring `path` to the study and the settings; true if it changed.

    A changed file of another study is kept beside it, its name ending in `.before`, and a line on stderr says so.
    Raises `UserError` where it would change under another process that runs a study by it.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    content = read_yaml(path) if path.exists() else {}
    held = content.get("study")
    data, where = with_settings(study, overrides, content, path, folder)
    completed = trace_sets.complete(data)
    text = dump(data) if held != study or overrides or completed else before
    params.parse(data, where)
    if text != before:
        running.check_free(path)
    if before and held != study and changed_by_hand(before, held, folder):
        kept = path.with_name(f"{path.name}.before")
        kept.write_text(before, encoding="utf-8")
        print(
            f"{path} held changes to the study {held!r}; study {study!r} replaces it: {kept} keeps the old file",
            file=sys.stderr,
        )
    if text != before:
        scratch = path.with_name(f"{path.name}.new")
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, path)
    return text != before


def settings(words: list[str]) -> list[str]:
    """The KEY=VALUE settings in these words of a command line, several of which may stand in one word."""
    return [setting for word in words for setting in word.split()]


def bring(study: str, overrides: list[str], path: Path = Path("params.yaml")) -> str:
    """Bring params.yaml to the study and the settings; an empty study keeps the present one. What to say of it.

    Raises `UserError` before anything is written.
    """
    if not study and not overrides:
        params.load(path)
    name = study or read_yaml(path).get("study")
    changed = bool(study or overrides) and write(name, overrides, path)
    return f"{path}: study {name}{' (written)' if changed else ', as it stands'}"


def main(arguments: list[str]) -> int:
    """Compose; exit code 2 with one line for a user's mistake."""
    try:
        if not arguments:
            raise UserError("usage: python -m counterpoint.studies STUDY [KEY=VALUE …]")
        print(bring(arguments[0], settings(arguments[1:])))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
