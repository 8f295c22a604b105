"""What follows from arms and kinds: each run's method, start and trace set, and the trace sets of the study.

A set that is written from the problems, or by one teacher for all, serves every student (`oracle-2k`, `sibling-2k`);
one that a student's own base samples serves that model (`self-tiny-2k`); one by a run of an arm serves the run of the
same model, sample and seed (`self_again-tiny-2k-1`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterpoint.params import BASE, ITSELF, STAGES, TRACED

TELLING = ("model", "sample", "seed")  # what of a run, beside its arm, its trace set is named by
DERIVED = ("method", "traces", "start")  # of a run, by its arm


def wanted(kind: str, run: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Name and entry (under `traces` in params.yaml) of the set of that kind for a run; None for an unknown kind, or
    one whose teacher is no name.

    data: the parameters as plain mappings.
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


def complete(data: dict[str, Any]) -> bool:
    """Derive anew what follows from arms and kinds: of every training run its method, the trace set that it imitates
    and the arm that it starts from; `traces` become the sets that runs imitate. Whether anything changed.

    What is not as it should be is left for the validation to tell.
    """
    sets, changed = {}, False
    for stage in STAGES:
        runs = _under(data.get("runs"), stage)
        for run in runs.values() if isinstance(runs, dict) else ():
            arm = _under(data.get("arms"), run.get("arm")) if isinstance(run, dict) else None
            if not isinstance(arm, dict) or not all(isinstance(run.get(key), str | int) for key in TELLING):
                continue
            found = wanted(arm.get("traces", "oracle"), run, data) if stage in TRACED else (None, None)
            if found is None:
                continue
            name, entry = found
            derived = {"method": arm.get("method"), "traces": name, "start": arm.get("start")}
            fresh = {key: value for key, value in run.items() if key not in DERIVED}
            fresh |= {key: value for key, value in derived.items() if value is not None}
            sets |= {name: entry} if name else {}
            if fresh != run:
                run.clear()
                run.update(fresh)
                changed = True
    if isinstance(data.get("traces"), dict) and data["traces"] != sets:
        data["traces"], changed = sets, True
    return changed


def _under(place: Any, name: Any) -> Any:
    """What a mapping holds under a name; None where it is no mapping, or that no name."""
    return place.get(name) if isinstance(place, dict) and isinstance(name, str) else None
