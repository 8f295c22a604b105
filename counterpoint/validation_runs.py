"""What the types of params.yaml cannot say of runs and traces: what they name must exist, and be made before."""

from __future__ import annotations

from collections.abc import Callable

from counterpoint.params import BASE, ITSELF, STAGES, TRACED, Params, method
from counterpoint.trace_sets import wanted
from counterpoint.typed import nearest

Fail = Callable[[str], None]  # raises


def validate_runs(params: Params, seed_of: Callable[[str, int], None], fail: Fail) -> None:
    """`seed_of(key, seed)` checks a seed."""
    for stage in STAGES:
        for run_id, run in getattr(params.runs, stage).items():
            key = f"runs.{stage}.{run_id}"
            for known, name in (
                (params.arms, run.arm),
                (params.models, run.model),
                (params.sampling.sizes, run.sample),
            ):
                if name not in known:
                    fail(f"{key}: unknown name {name!r}{nearest(name, known)}")
            if run.run_id != run_id:
                fail(f"{key} must be called {run.run_id}, as arm-model-sample-seed says")
            seed_of(f"{key}.seed", run.seed)
            of = method(params, run.arm)
            if of.stage != stage:
                fail(f"{key}: arm {run.arm!r} has the method {of.name!r}, so it belongs to runs.{of.stage}")
            if run.method != of.name:
                fail(f"{key}.method must be {of.name}, as arms.{run.arm}.method says; `make study` writes it")
            start = params.arms[run.arm].start
            if run.start != start:
                fail(f"{key}.start must be {start or 'left out'}, as arms.{run.arm}.start says; `make study` writes it")
            first = f"{start}-{run.model}-{run.sample}-{run.seed}"
            if start and first not in params.runs.trained:
                fail(f"{key} starts from {first}, which is not in runs.{method(params, start).stage}; add it there")
            size, part = params.sampling.sizes[run.sample], params.arms[run.arm].part
            if part and round(part[0] * size) == round(part[1] * size):
                fail(f"{key}: arms.{run.arm}.part {part} is none of the {size} problems of {run.sample!r}; widen it")
            _validate_imitated(params, stage, key, run, fail)
    for run_id, run in params.runs.base.items():
        if run.model not in params.models:
            fail(f"runs.base.{run_id}: unknown model {run.model!r}{nearest(run.model, params.models)}")
        if run_id != f"base-{run.model}":
            fail(f"runs.base.{run_id} must be called base-{run.model}")


def _validate_imitated(params: Params, stage: str, key: str, run, fail: Fail) -> None:
    if stage not in TRACED:
        if run.traces is not None:
            fail(f"{key}.traces is {run.traces!r}, but its method imitates no traces; leave it out")
        return
    name, entry = wanted(params.arms[run.arm].traces, vars(run), _plain(params))
    if run.traces != name:
        fail(f"{key}.traces must be {name}, as arms.{run.arm}.traces says; `make study` writes it")
    if name not in params.traces or vars(params.traces[name]) != entry:
        told = ", ".join(f"{k}: {'null' if v is None else v}" for k, v in entry.items())
        fail(f"{key} imitates traces.{name}, which must be {{{told}}}; `make study` writes it")


def _plain(params: Params) -> dict:
    """What `wanted` reads, as it reads it."""
    return {"kinds": {name: vars(kind) for name, kind in params.kinds.items()}, "arms": params.arms}


def validate_traces(params: Params, fail: Fail) -> None:
    """Trace sets: their kind, sample, student and teacher."""
    for name, traces in params.traces.items():
        key = f"traces.{name}"
        if traces.kind not in params.kinds:
            fail(f"{key}.kind is {traces.kind!r}{nearest(traces.kind, params.kinds)}")
        if traces.sample not in params.sampling.sizes:
            fail(f"{key}.sample is {traces.sample!r}{nearest(traces.sample, params.sampling.sizes)}")
        if traces.model is not None and traces.model not in params.models:
            fail(f"{key}.model is {traces.model!r}{nearest(traces.model, params.models)}")
        if traces.model is None and params.kinds[traces.kind].teacher in (ITSELF, *params.arms):
            fail(f"{key}.model is missing: the student of its teacher; `make study` writes it")
        student = {"model": traces.model, "sample": traces.sample, "seed": traces.seed}
        _, entry = wanted(traces.kind, student, _plain(params))
        if traces.teacher != entry["teacher"] or traces.reads != entry["reads"]:
            told = f"reads: {entry['reads']}, teacher: {entry['teacher'] or 'null'}"
            fail(f"{key} must have {told}, as kinds.{traces.kind}.teacher says; `make study` writes it")
        if traces.reads != "base" and traces.reads not in params.runs.trained:
            fail(
                f"{key} is taught by {traces.reads}, which is no run of this study; add it, or name another in "
                f"kinds.{traces.kind}.teacher"
            )
        base = (traces.teacher or "").removeprefix(BASE) if traces.reads == "base" else ""
        if base and base not in params.models:
            fail(f"{key} is taught by {traces.teacher}, but models has no {base!r}{nearest(base, params.models)}")
