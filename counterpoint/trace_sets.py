"""Which trace set a run imitates: derived from its arm's kind of traces, so that runs which may share one do.

A set that is written from the problems, or by one teacher for all, serves every student (`oracle-2k`, `sibling-2k`);
one that a student's own base samples serves that model (`self-tiny-2k`); one by a run of an arm serves the run of the
same model, sample and seed (`self_again-tiny-2k-1`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterpoint.params import ITSELF, STAGES, TRACED


def wanted(kind: str, run: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Name and entry (under `traces` in params.yaml) of the set of that kind for a run; None for an unknown kind.

    data: the parameters as plain mappings.
    """
    kinds = data.get("kinds") or {}
    if not isinstance(kinds.get(kind), dict):
        return None
    teacher, sample = kinds[kind].get("teacher"), run["sample"]
    entry = {"kind": kind, "model": None, "sample": sample, "seed": 0, "reads": "base"}
    if teacher == ITSELF:
        return f"{kind}-{run['model']}-{sample}", {**entry, "model": run["model"]}
    if teacher in (data.get("arms") or {}):
        reads = f"{teacher}-{run['model']}-{sample}-{run['seed']}"
        name = f"{kind}-{run['model']}-{sample}-{run['seed']}"
        return name, {**entry, "model": run["model"], "seed": run["seed"], "reads": reads}
    return f"{kind}-{sample}", {**entry, "reads": teacher or "base"}


def complete(data: dict[str, Any]) -> bool:
    """Give every run what follows from its arm (its trace set, the arm that it starts from), and add the trace sets
    that `data` lacks; whether anything was added. What is not as it should be is left for the validation to tell."""
    added = False
    for stage in STAGES:
        runs = (data.get("runs") or {}).get(stage)
        for run in runs.values() if isinstance(runs, dict) else ():
            arm = (data.get("arms") or {}).get(run.get("arm")) if isinstance(run, dict) else None
            if not isinstance(arm, dict) or not {"model", "sample", "seed"} <= set(run):
                continue
            if stage == "sft_then_rl" and arm.get("start") and "start" not in run:
                run["start"], added = arm["start"], True
            found = wanted(arm.get("traces", "oracle"), run, data) if stage in TRACED else None
            if found and "traces" not in run:
                run["traces"], added = found[0], True
            if found and run["traces"] == found[0] and found[0] not in data["traces"]:
                data["traces"][found[0]], added = found[1], True
    return added
