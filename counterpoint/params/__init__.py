"""params.yaml as typed, validated objects: an unknown key or a wrong type is an error that names its neighbour.

What a key means stands in the models (schema.py, training.py), and docs/params.md lists it. Every default is in
studies/default.yaml, none is here: what a run used is what params.yaml says. compose.py makes params.yaml of the
default and a study's overlay; `python -m counterpoint.params NAME` writes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from counterpoint.files import read_yaml
from counterpoint.params import checks, grid
from counterpoint.params.grid import BASE, BaseRun, Params, Runs, RunSpec, TraceSet, method, options, settings
from counterpoint.params.schema import BLIND, CONDITIONS, ENDS, Base, ClaimSamples, Prompt, Range, Source, Written
from counterpoint.params.training import STAGES, Lora, Rl, Sft
from counterpoint.params.typed import build

__all__ = [
    "BASE", "BLIND", "CONDITIONS", "ENDS", "STAGES", "Base", "BaseRun", "ClaimSamples", "Lora", "Params", "Prompt",
    "Range", "Rl", "RunSpec", "Runs", "Sft", "Source", "TraceSet", "load", "method", "options", "parse", "settings",
]  # fmt: skip


def parse(data: dict[str, Any], where: str = "params.yaml") -> Params:
    """The parameters in a mapping, validated, with the runs and trace sets that follow from them.

    where: the file that messages name. Raises `UserError` that names file, key and remedy.
    """
    written = build(Written, data, "", where)
    checks.check_written(written, where)
    params = grid.derive(written)
    checks.check_derived(params, where)
    return params


def load(path: Path = Path("params.yaml")) -> Params:
    """The validated parameters in `path`. Raises `UserError`."""
    return parse(read_yaml(path), str(path))
