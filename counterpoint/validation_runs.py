"""What the types of params.yaml cannot say of arms, runs and traces: what they name must exist, and be made before."""

from __future__ import annotations

from collections.abc import Callable

from counterpoint.methods import METHODS
from counterpoint.params import BASE, ITSELF, STAGES, TRACED, WAYS, Params, Rl, method, options, settings
from counterpoint.trace_sets import wanted
from counterpoint.typed import nearest

Fail = Callable[[str], None]  # raises


def validate_arms(params: Params, section_of: Callable, where: str, fail: Fail) -> None:
    """`section_of(prefix, section, fail)` checks the ranges of a section of settings; `where`: the file's name."""
    for name, arm in params.arms.items():
        if arm.method not in METHODS:
            fail(f"arms.{name}.method is {arm.method!r}{nearest(arm.method, METHODS)}")
    for name, arm in params.arms.items():
        stage = method(params, name).stage
        section = settings(params, name, where)
        section_of(f"arms.{name}: ", section, fail)
        for key in ("group_size", "gradient_accumulation") if isinstance(section, Rl) else ():
            part = getattr(section, key)
            if section.batch_size % part:
                fail(
                    f"arms.{name}: batch_size {section.batch_size} is not a multiple of {key} {part}; "
                    f"use {max(1, section.batch_size // part) * part}"
                )
        wrong = method(params, name).check(options(params, name, where))
        if wrong:
            fail(f"arms.{name}.options: {wrong}")
        if arm.traces not in params.kinds:
            fail(f"arms.{name}.traces is {arm.traces!r}{nearest(arm.traces, params.kinds)}")
        if stage not in TRACED and arm.traces != "oracle":
            fail(f"arms.{name}.traces is {arm.traces!r}, but {arm.method!r} imitates no traces; leave it out")
        if (stage == "sft_then_rl") != (arm.start is not None):
            fail(
                f"arms.{name}.start is missing: name the arm that it goes on from, such as sft" if arm.start is None
                else f"arms.{name}.start is {arm.start!r}, but {arm.method!r} starts from the base; leave it out"
            )  # fmt: skip
        if arm.start is not None and arm.start not in params.arms:
            fail(f"arms.{name}.start is {arm.start!r}{nearest(arm.start, params.arms)}")
        first, seen = arm.start, {name}
        while first is not None:
            if first in seen:
                fail(f"arms.{name}.start leads back to {first!r}: an arm cannot start from itself")
            seen.add(first)
            first = params.arms[first].start if first in params.arms else None
        if arm.part is not None and not (len(arm.part) == 2 and 0 <= arm.part[0] < arm.part[1] <= 1):
            fail(f"arms.{name}.part is {arm.part}; it must be two rising shares of the sample, such as [0.0, 0.25]")
    for kind in params.kinds:
        _validate_untaught(params, kind, fail)


def _validate_untaught(params: Params, kind: str, fail: Fail) -> None:
    """No arm that teaches a kind, nor what it goes on from or was taught by, may have learnt from that kind."""
    seen, ahead = set(), [_teaching(params, kind)]
    while ahead:
        arm = ahead.pop()
        if arm is None or arm in seen:
            continue
        seen.add(arm)
        ahead.append(params.arms[arm].start)
        if method(params, arm).stage in TRACED:
            if params.arms[arm].traces == kind:
                told = f"kinds.{kind}.teacher is {params.kinds[kind].teacher!r}"
                fail(f"{told}, which leads to arm {arm!r}, and that learns from {kind} traces; name another teacher")
            ahead.append(_teaching(params, params.arms[arm].traces))


def _teaching(params: Params, kind: str) -> str | None:
    """The arm whose runs, or run, teach a kind; None where a base does or nobody."""
    arm = (params.kinds[kind].teacher or "").partition("-")[0]  # a run's name begins with its arm's
    return arm if arm in params.arms else None


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


def validate_kinds(params: Params, fail: Fail) -> None:
    """How traces are made."""
    for name, kind in params.kinds.items():
        if kind.way not in WAYS:
            fail(f"kinds.{name}.way is {kind.way!r}{nearest(kind.way, WAYS)}")
        if (kind.way == "sampled") != (kind.teacher is not None):
            fail(
                f"kinds.{name}.teacher is missing: {ITSELF}, {BASE}MODEL, an arm or a run" if kind.teacher is None
                else f"kinds.{name}.teacher is {kind.teacher!r}, but {kind.way} traces have none; set it to null"
            )  # fmt: skip
    limits = params.distill
    for key in ("samples", "keep", "max_tokens", "batch_size"):
        if getattr(limits, key) < 1:
            fail(f"distill.{key} must be at least 1, not {getattr(limits, key)}")
    for key, low, high in (("temperature", 0, None), ("top_p", 0, 1), ("near_duplicate", 0, 1)):
        value = getattr(limits, key)
        if value <= low or (high is not None and value > high):
            fail(f"distill.{key} must be above {low}{'' if high is None else f' and at most {high}'}, not {value}")
    if not 0 <= limits.noise <= 1:
        fail(f"distill.noise must be between 0 and 1, not {limits.noise}")


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


def validate_claims(params: Params, fail: Fail) -> None:
    """The samples that the findings compare."""
    for key, name in vars(params.claims).items():
        if name is not None and name not in params.sampling.sizes:
            fail(f"claims.{key} is {name!r}{nearest(name, params.sampling.sizes)}")
