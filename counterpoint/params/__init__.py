"""params.yaml as typed, validated objects: an unknown key or a wrong type is an error that names its neighbour.

What a key means stands in the models (schema.py, training.py, runs.py), and docs/params.md lists it. Every default
is in studies/default.yaml, none is here: what a run used is what params.yaml says. `compose.py` makes params.yaml of
the default and a study's overlay, `python -m counterpoint.params NAME` writes it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from counterpoint.files import read_yaml
from counterpoint.methods import METHODS, Method
from counterpoint.params import grid
from counterpoint.params.grid import BASE, ITSELF, TRACED
from counterpoint.params.runs import BaseRun, Runs, RunSpec, TraceSet
from counterpoint.params.schema import (
    ENDS,
    Base,
    Claims,
    Competence,
    Evaluation,
    Params,
    Plant,
    Probe,
    Problems,
    Prompt,
    Range,
    Sampling,
    Source,
    Tune,
    Written,
)
from counterpoint.params.training import Arm, Distill, Kind, Lora, Rl, Sft
from counterpoint.params.typed import build
from counterpoint.params.values import (
    BEHAVIOURS,
    BLIND,
    CHECKPOINTS,
    CONDITIONS,
    LOSS_TYPES,
    SCHEDULES,
    STAGES,
    WAYS,
)

__all__ = [
    "BASE", "BEHAVIOURS", "BLIND", "CHECKPOINTS", "CONDITIONS", "ENDS", "ITSELF", "LOSS_TYPES", "SCHEDULES", "STAGES",
    "TRACED", "WAYS", "Arm", "Base", "BaseRun", "Claims", "Competence", "Distill", "Evaluation", "Kind", "Lora",
    "Params", "Plant", "Probe", "Problems", "Prompt", "Range", "Rl", "RunSpec", "Runs", "Sampling", "Sft", "Source",
    "TraceSet", "Tune", "Written", "load", "method", "options", "parse", "settings",
]  # fmt: skip


def parse(data: dict, where: str = "params.yaml") -> Params:
    """The parameters in a mapping, validated, with the runs and trace sets that follow from them.

    Raises `UserError` that names file, key and remedy.
    """
    from counterpoint.params.checks import validate  # it imports this package

    found = grid.derive(data, where) if "runs" in data else {}
    written = build(Written, data, "", where)
    runs = Runs(
        {name: BaseRun(**run) for name, run in found["base"].items()},
        {name: RunSpec(**run) for name, run in found["trained"].items()},
    )
    traces = {name: TraceSet(**entry) for name, entry in found["traces"].items()}
    return validate(Params(**{**vars(written), "runs": runs, "traces": traces}), where)


def load(path: Path = Path("params.yaml")) -> Params:
    """The validated parameters in `path`."""
    return parse(read_yaml(path), str(path))


def settings(params: Params, arm: str, where: str = "params.yaml") -> Sft | Rl:
    """What the arm trains with: the section of its method with the arm's own changes. Raises `UserError` that names
    `where` for changes that are none."""
    section = params.sft if method(params, arm).stage == "sft" else params.rl
    merged = {**dataclasses.asdict(section), **params.arms[arm].settings}
    return build(type(section), merged, f"arms.{arm}.settings", where, f"arms.{arm}: ")


def method(params: Params, arm: str) -> Method:
    """The method of an arm."""
    return METHODS[params.arms[arm].method]


def options(params: Params, arm: str, where: str = "params.yaml") -> Any:
    """The arm's options as its method has them. Raises `UserError` that names `where` for others."""
    return build(method(params, arm).options, params.arms[arm].options, f"arms.{arm}.options", where)
