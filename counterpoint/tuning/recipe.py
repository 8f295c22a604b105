"""The parameters of an arm's trials: those of the study, of one run and of the runs and traces that it needs."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from counterpoint import params
from counterpoint.errors import UserError, nearest
from counterpoint.params import grid
from counterpoint.training.best_checkpoint import IN_DOMAIN

Step = tuple[str, str]  # a stage and its key, such as ("train", "sft-tiny-2k-1000")


def world(data: Mapping[str, Any], probes: int | None) -> dict[str, Any]:
    """The study's parameters with problems for trials: what is trained on as the study has it, what judges `probes`
    problems in domain, no suite. Sources that are not procedural stay whole, for there all parts hang together.

    Paths are made absolute: trials run in folders of their own.
    """
    data = copy.deepcopy(dict(data))
    source = data["source"]
    if source["kind"] == "procedural" and not source["benchmarks"]:
        data["suites"] = [IN_DOMAIN]
        data["problems"] |= {"per_suite": 1, "per_probe": probes or data["problems"]["per_probe"]}
    for problems in (source, *source["benchmarks"].values()):
        if problems.get("path"):
            problems["path"] = str(Path(problems["path"]).resolve())
    data["models"] = {
        name: str(Path(path).resolve()) if Path(path).exists() else path for name, path in data["models"].items()
    }
    data["probe"] |= {"suites": [IN_DOMAIN], "at_least": 2, "every": None}  # before the first step, after the last
    data |= {"checkpoint": "last", "claims": {"small": None, "large": None}}
    return data | {"runs": {"base": [], "train": []}}


def with_run(
    data: dict[str, Any], study: params.Params, arm: str, model: str, sample: str, seed: int, ready: Collection[str]
) -> list[Step]:
    """Put the run of an arm into `data`, which `world` gave, with all that it needs; the steps that make it, in order.

    Arms that are `ready` have been trained elsewhere: their runs are named, not made. Raises `UserError` for a teacher
    that is no run of the study.
    """
    rule: dict[str, Any] = {"arm": arm, "model": model, "sample": sample, "seed": seed}
    if rule not in data["runs"]["train"]:
        data["runs"]["train"].append(rule)
    run, traces = grid.run_and_traces(study, arm, model, sample, seed)
    steps: list[Step] = []
    if run.start:
        made = with_run(data, study, run.start, model, sample, seed, ready)
        steps += made if run.start not in ready else []
    if traces:
        if traces.reads != "base":
            steps += with_run(data, study, **_teacher(study, traces, model, sample, seed), ready=())
        steps.append(("distill", run.traces))
    return list(dict.fromkeys([*steps, ("train", run.run_id)]))


def _teacher(study: params.Params, traces: params.TraceSet, model: str, sample: str, seed: int) -> dict[str, Any]:
    """The run that teaches a trace set: of an arm, the student's own; else one of the study's."""
    teacher = study.kinds[traces.kind].teacher
    if teacher in study.arms:
        return {"arm": teacher, "model": model, "sample": sample, "seed": seed}
    trained = study.runs.trained
    if teacher not in trained:
        where = f"params.yaml: kinds.{traces.kind}.teacher"
        raise UserError(f"{where}: {teacher!r} is no run of this study{nearest(teacher, trained)}")
    return {key: getattr(trained[teacher], key) for key in ("arm", "model", "sample", "seed")}
