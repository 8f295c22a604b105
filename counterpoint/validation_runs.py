"""What the types of params.yaml cannot say of arms, runs and traces: what they name must exist, and be made before."""

from __future__ import annotations

from collections.abc import Callable

from counterpoint.methods import METHODS
from counterpoint.params import BASE, ITSELF, TRACED, WAYS, Params, Rl, method, options, settings
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
    for run_id, run in params.runs.trained.items():
        key = f"runs.train: {run_id}"
        for kind, known, name in (
            ("arm", params.arms, run.arm),
            ("model", params.models, run.model),
            ("sample", params.sampling.sizes, run.sample),
        ):
            if name not in known:
                fail(f"{key}: unknown {kind} {name!r}{nearest(name, known)}")
        seed_of(f"{key}: seed", run.seed)
        first = f"{run.start}-{run.model}-{run.sample}-{run.seed}"
        if run.start and first not in params.runs.trained:
            fail(f"{key} starts from {first}, which is not in runs.train; add it there")
        size, part = params.sampling.sizes[run.sample], params.arms[run.arm].part
        if part and round(part[0] * size) == round(part[1] * size):
            fail(f"{key}: arms.{run.arm}.part {part} is none of the {size} problems of {run.sample!r}; widen it")
    for run in params.runs.base.values():
        if run.model not in params.models:
            fail(f"runs.base: unknown model {run.model!r}{nearest(run.model, params.models)}")


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
    """The teachers of the trace sets that runs imitate."""
    for name, traces in params.traces.items():
        if traces.reads != "base" and traces.reads not in params.runs.trained:
            fail(
                f"traces {name} are taught by {traces.reads}, which is no run of this study; add it, or name another "
                f"in kinds.{traces.kind}.teacher"
            )
        base = (traces.teacher or "").removeprefix(BASE) if traces.reads == "base" else ""
        if base and base not in params.models:
            known = nearest(base, params.models)
            fail(f"traces {name} are taught by {traces.teacher}, but models has no {base!r}{known}")


def validate_claims(params: Params, fail: Fail) -> None:
    """The samples that the findings compare."""
    for key, name in vars(params.claims).items():
        if name is not None and name not in params.sampling.sizes:
            fail(f"claims.{key} is {name!r}{nearest(name, params.sampling.sizes)}")
