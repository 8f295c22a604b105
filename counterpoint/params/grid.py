"""The runs and trace sets that follow from the rules in params.yaml, and what DVC reads of them in grid.yaml.

A rule under `runs.train` is a block of lists, every combination of which is a run, or one run:

    - {arms: [sft, rl], models: [tiny], samples: [2k, 20k], seeds: [0, 1, 2]}
    - {arm: rl, model: small, sample: 2k, seed: 0}

By its arm a run has its method, the arm that it starts from and the trace set that it imitates. A set that is written
from the problems, or by one teacher for all, serves every student (`oracle-2k`, `sibling-2k`); one that a student's own
base samples serves that model (`self-tiny-2k`); one by a run of an arm serves the run of the same model, sample and
seed (`self_again-tiny-2k-1`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from counterpoint import suites
from counterpoint.errors import UserError, nearest
from counterpoint.methods import METHODS

BASE = "base-"  # begins the name of a base's run, and of a teacher that is a base
ITSELF = "self"  # the teacher that is the student's own base
TRACED = ("sft", "mixed")  # stages of methods that imitate traces
ONE = ("arm", "model", "sample", "seed")  # of a run, in the order of its name
BLOCK = ("arms", "models", "samples", "seeds")  # the lists of a block
PARTS = ("base", "train")  # of `runs`
FILE = Path("grid.yaml")
TERMS, PROBED = 4, 6  # reward terms of an arm, suites that are probed: so many have a line in dvc.yaml
NONE = ".gitkeep"  # in data/models and data/traces: what a run that needs none there depends on
HEAD = "# Made from params.yaml, for DVC to read: edit that, and `make study` or `dvc repro` writes this anew.\n"


def run_id(run: Mapping[str, Any]) -> str:
    """The name of a training run, arm-model-sample-seed."""
    return "-".join(str(run[key]) for key in ONE)


def expand(rules: Any, where: str = "params.yaml") -> tuple[dict[str, dict], dict[str, dict]]:
    """The bases and the training runs of the rules under `runs`, by their names.

    Raises `UserError` naming file and key for what is no rule.
    """
    if not isinstance(rules, dict):
        raise UserError(f"{where}: runs must be a mapping with the keys {' and '.join(PARTS)}, not {rules!r}")
    for part in rules:
        if part not in PARTS:
            raise UserError(f"{where}: unknown key runs.{part}{nearest(str(part), PARTS)}")
    for part, kind in zip(PARTS, ("models", "blocks"), strict=True):
        if not isinstance(rules.get(part, []), list):
            raise UserError(f"{where}: runs.{part} must be a list of {kind}, not {rules[part]!r}; [] for no runs")
    bases = {f"{BASE}{model}": {"model": model} for model in rules.get("base", [])}
    trained = {}
    for index, rule in enumerate(rules.get("train", [])):
        for run in _of_rule(rule, f"runs.train[{index}]", where):
            trained[run_id(run)] = run
    return bases, trained


def _of_rule(rule: Any, key: str, where: str) -> list[dict[str, Any]]:
    if not isinstance(rule, dict):
        raise UserError(f"{where}: {key} must be a mapping with the keys {', '.join(BLOCK)}, not {rule!r}")
    names = ONE if set(rule) & set(ONE) and not set(rule) & set(BLOCK) else BLOCK
    for name in rule:
        if name not in names:
            raise UserError(f"{where}: unknown key {key}.{name}{nearest(str(name), names)}")
    for name in names:
        if name not in rule:
            told = "a block lists" if names is BLOCK else "a run has"
            raise UserError(f"{where}: {key}.{name} is missing; {told} {', '.join(names)}")
        if names is BLOCK and (not isinstance(rule[name], list) or not rule[name]):
            hint = f"; write [{rule[name]}]" if isinstance(rule[name], str | int) else ""
            raise UserError(f"{where}: {key}.{name} must be a list of at least one, not {rule[name]!r}{hint}")
    lists = [rule[name] if names is BLOCK else [rule[name]] for name in names]
    for name, values in zip(names, lists, strict=True):
        seeds = name in ("seed", "seeds")
        for value in values:
            if not isinstance(value, int if seeds else str) or isinstance(value, bool):
                called = "a whole number" if seeds else "a name" + (f"; write '{value}'" if type(value) is int else "")
                raise UserError(f"{where}: {key}.{name}: {value!r} is not {called}")
    return [dict(zip(ONE, values, strict=True)) for values in itertools.product(*lists)]


def wanted(kind: str, run: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Name and entry of the set of that kind for a run; None for an unknown kind, or one whose teacher is no name.

    data: the parameters as plain mappings. An entry's `reads` is `base`, or the run that teaches.
    """
    told = _under(data.get("kinds"), kind)
    teacher = told.get("teacher") if isinstance(told, dict) else ...
    if not isinstance(teacher, str | None):
        return None
    sample, student = run["sample"], f"{run['model']}-{run['sample']}-{run['seed']}"
    entry = {"kind": kind, "model": None, "sample": sample, "seed": 0, "reads": "base", "teacher": teacher}
    if teacher == ITSELF:
        return f"{kind}-{run['model']}-{sample}", {**entry, "model": run["model"], "teacher": f"{BASE}{run['model']}"}
    if _under(data.get("arms"), teacher) is not None:
        taught = f"{teacher}-{student}"
        made_for = {"model": run["model"], "seed": run["seed"], "reads": taught, "teacher": taught}
        return f"{kind}-{student}", {**entry, **made_for}
    if teacher is None or teacher.startswith(BASE):
        return f"{kind}-{sample}", entry
    return f"{kind}-{sample}", {**entry, "reads": teacher}


def derive(data: Mapping[str, Any], where: str = "params.yaml") -> dict[str, dict[str, dict]]:
    """What follows from the parameters: `base` and `trained`, the runs by name, the latter with method, traces and
    start; and `traces`, the sets that they imitate.

    A run of an unknown arm or kind of traces is left without, for the validation to tell. Raises `UserError` for what
    is no rule.
    """
    bases, trained = expand(data.get("runs"), where)
    sets: dict[str, dict] = {}
    for run in trained.values():
        arm = _under(data.get("arms"), run["arm"])
        method = (
            METHODS.get(arm.get("method")) if isinstance(arm, dict) and isinstance(arm.get("method"), str) else None
        )
        if method is None:
            continue
        found = wanted(arm.get("traces", "oracle"), run, data) if method.stage in TRACED else None
        run |= {"method": method.name, "traces": found[0] if found else None, "start": arm.get("start")}
        if found:
            sets[found[0]] = found[1]
    return {"base": bases, "trained": trained, "traces": sets}


def _under(place: Any, name: Any) -> Any:
    """What a mapping holds under a name; None where it is no mapping, or that no name."""
    return place.get(name) if isinstance(place, dict) and isinstance(name, str) else None


def as_yaml(data: Mapping[str, Any]) -> str:
    """grid.yaml for parameters that are valid: of every run and trace set what dvc.yaml asks of it."""
    grid = derive(data)
    models = {model: _folder(path) for model, path in data["models"].items()}
    evaluated = {name: {"model": run["model"], "weights": models[run["model"]]} for name, run in grid["base"].items()}
    evaluated |= {
        name: {"model": run["model"], "weights": f"data/models/{name}"} for name, run in grid["trained"].items()
    }
    told = {
        "probed": probed(data["probe"]["suites"]),
        "traces": {name: _set(entry, models) for name, entry in grid["traces"].items()},
        "train": {name: _run(run, data, models) for name, run in grid["trained"].items()},
        "evaluate": evaluated,
    }
    return HEAD + yaml.dump({"grid": told}, Dumper=_Dumper, sort_keys=False, width=200)


def _run(run: dict[str, Any], data: Mapping[str, Any], models: Mapping[str, str]) -> dict[str, Any]:
    section = "sft" if METHODS[run["method"]].stage == "sft" else "rl"
    began = f"data/models/{run['start']}-{run['model']}-{run['sample']}-{run['seed']}" if run["start"] else ""
    paid = {**data["rl"], **data["arms"][run["arm"]]["settings"]}["rewards"] if section == "rl" else {}
    return {
        **{key: run[key] for key in (*ONE, "method")},
        "section": section,
        "begins": began or models[run["model"]],
        "traces": run["traces"] or NONE,
        **rewards(paid),
    }


def rewards(terms: Iterable[str]) -> dict[str, str]:
    """The modules of counterpoint/rewards that a run with these terms needs, by their place in dvc.yaml."""
    return _numbered("reward", terms, TERMS, "term")


def probed(names: Iterable[str]) -> dict[str, str]:
    """The modules of counterpoint/suites that probes of these suites need, by their place in dvc.yaml."""
    return _numbered("suite", (suites.FILES[name] for name in names), PROBED, "suite")


def _set(entry: dict[str, Any], models: Mapping[str, str]) -> dict[str, Any]:
    """A trace set, `reads` being the folder of its teacher."""
    if entry["reads"] != "base":
        return {**entry, "reads": f"data/models/{entry['reads']}"}
    teacher = (entry["teacher"] or "").removeprefix(BASE)
    return {**entry, "reads": models.get(teacher, f"data/models/{NONE}")}


def _folder(path: str) -> str:
    """What DVC watches of a checkpoint: the folder, or nothing of one that is not in the file system, as on a hub."""
    return path if path.startswith("data/models/") or Path(path).is_dir() else f"data/models/{NONE}"


def _numbered(name: str, files: Iterable[str], number: int, own: str) -> dict[str, str]:
    """The modules under `name`_1 and so on; `own`, on which all depend, for those that are not needed."""
    found = list(dict.fromkeys(files))
    return {f"{name}_{n + 1}": found[n] if n < len(found) else own for n in range(number)}


class _Dumper(yaml.SafeDumper):
    """One run or trace set on a line."""


def _mapping(dumper: yaml.SafeDumper, value: dict) -> yaml.Node:
    flat = value and not any(isinstance(one, dict) for one in value.values())
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=bool(flat))


_Dumper.add_representer(dict, _mapping)
