"""What the types of params.yaml cannot say: names that must exist, numbers that must fit together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NoReturn

from counterpoint import rewards, suites
from counterpoint.errors import UserError, nearest
from counterpoint.methods import METHODS
from counterpoint.params import (
    BASE,
    CONDITIONS,
    ITSELF,
    TRACED,
    Params,
    Problems,
    Rl,
    Sft,
    Source,
    method,
    options,
    settings,
)
from counterpoint.params.grid import PROBED, TERMS
from counterpoint.params.values import LARGEST_SEED

TAKEN = ("competence", "tuning")  # folders beside those of the studies, in metrics/
Fail = Callable[[str], NoReturn]


def validate(params: Params, where: str = "params.yaml") -> Params:
    """Check what types cannot say. Raises `UserError` naming the key and the remedy."""

    def fail(text: str) -> NoReturn:
        raise UserError(f"{where}: {text}")

    _keys(params, fail)
    _source(params.source, fail)
    _problems(params.problems, fail)
    _plants(params, fail)
    _names("suites", params.suites, suites.SUITES, fail)
    _asked(params, fail)
    for name, size in params.sampling.sizes.items():
        if params.source.kind == "procedural" and size > params.problems.train:
            fail(f"sampling.sizes.{name} is {size}, larger than the pool of problems.train = {params.problems.train}")
    _section("sft.", params.sft, fail)
    _section("rl.", params.rl, fail)
    _kinds(params, fail)
    _arms(params, where, fail)
    _runs(params, fail)
    _traces(params, fail)
    for key, name in vars(params.claims).items():
        if name is not None and name not in params.sampling.sizes:
            fail(f"claims.{key} is {name!r}{nearest(name, params.sampling.sizes)}")
    for arm in params.tune.arms:
        if arm not in params.arms:
            fail(f"tune.arms: no arm {arm!r}{nearest(arm, params.arms)}")
    return params


def _runs(params: Params, fail: Fail) -> None:
    """What runs name must exist, and what they start from be made."""
    for run_id, run in params.runs.trained.items():
        key = f"runs.train: {run_id}"
        for kind, known, name in (
            ("arm", params.arms, run.arm),
            ("model", params.models, run.model),
            ("sample", params.sampling.sizes, run.sample),
        ):
            if name not in known:
                fail(f"{key}: unknown {kind} {name!r}{nearest(name, known)}")
        if not 0 <= run.seed <= LARGEST_SEED:
            fail(f"{key}: its seed must be between 0 and {LARGEST_SEED}, not {run.seed}")
        first = f"{run.start}-{run.model}-{run.sample}-{run.seed}"
        if run.start and first not in params.runs.trained:
            fail(f"{key} starts from {first}, which is not in runs.train; add it there")
        size, part = params.sampling.sizes[run.sample], params.arms[run.arm].part
        if part and round(part[0] * size) == round(part[1] * size):
            fail(f"{key}: arms.{run.arm}.part {part} is none of the {size} problems of {run.sample!r}; widen it")
    for run in params.runs.base.values():
        if run.model not in params.models:
            fail(f"runs.base: unknown model {run.model!r}{nearest(run.model, params.models)}")


def _traces(params: Params, fail: Fail) -> None:
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


def _keys(params: Params, fail: Fail) -> None:
    """Names become parts of run ids, which - separates, of paths below data/, and of DVC's keys, which . separates."""
    for key, names in (
        ("arms", params.arms),
        ("models", params.models),
        ("sampling.sizes", params.sampling.sizes),
        ("kinds", params.kinds),
        ("bases", params.bases),
        ("plants", params.plants),
    ):
        for name in names:
            if not re.fullmatch("[A-Za-z0-9_]+", name):
                fail(f"{key} has the name {name!r}; use letters, digits and _ alone")
    if not re.fullmatch("[A-Za-z0-9_-]+", params.study) or params.study in TAKEN:
        fail(f"study cannot be called {params.study!r}; use letters, digits, _ and -, and not {' or '.join(TAKEN)}")
    for taken in (ITSELF, BASE.removesuffix("-")):
        if taken in params.arms:
            fail(f"arms.{taken} cannot be called so, for {taken!r} names what is not trained; choose another name")


def _source(source: Source, fail: Fail) -> None:
    if source.kind != "procedural" and not source.path:
        fail(f"source.path is missing for a {source.kind} source; set it, e.g. SET='source.path=…'")
    if source.parts and (source.held_out_families or source.kind == "procedural"):
        fail("source.parts says which rows test; take away source.held_out_families, or read a folder or the hub")
    known = {"train"} | {suite.split for suite in suites.SUITES.values()}
    for part, split in source.parts.items():
        if split is not None and split not in known:
            fail(f"source.parts.{part} is {split!r}{nearest(split, known)}")


def _problems(problems: Problems, fail: Fail) -> None:
    if problems.families is not None:
        from counterpoint.sources.families import FAMILIES  # they draw; most studies name none

        _names("problems.families", problems.families, FAMILIES, fail)
    if problems.expressions and problems.families is not None and "cards" not in problems.families:
        fail("problems.expressions asks about cards, which are not in problems.families; add them or set it to 0")


def _plants(params: Params, fail: Fail) -> None:
    for name, plant in params.plants.items():
        if plant.base not in params.bases:
            fail(f"plants.{name}.base: unknown name {plant.base!r}{nearest(plant.base, params.bases)}")
        if plant.behaviour == "target" and not plant.expressions:
            fail(f"plants.{name}.expressions is 0, and target is a way to answer expressions; set it above 0")


def _asked(params: Params, fail: Fail) -> None:
    asked = params.evaluation
    _names("probe.suites", params.probe.suites, suites.SUITES, fail)
    if len(params.probe.suites) > PROBED:
        fail(f"probe.suites names {len(params.probe.suites)}, and at most {PROBED} are followed; leave some out")
    for key in ("base_conditions", "trained_conditions"):
        _names(f"evaluation.{key}", getattr(asked, key), CONDITIONS, fail)
        if "normal" not in getattr(asked, key):
            fail(f"evaluation.{key} lacks 'normal', the suites as they are; add it")
    if asked.samples:
        _names("evaluation.sampled_suites", asked.sampled_suites, suites.SUITES, fail)


def _names(key: str, names: list[str], known: Iterable[str], fail: Fail) -> None:
    if not names:
        fail(f"{key} is empty; name at least one of {', '.join(known)}")
    for name in names:
        if name not in known:
            fail(f"{key}: unknown name {name!r}{nearest(name, known)}")
        if names.count(name) > 1:
            fail(f"{key} names {name!r} {names.count(name)} times; leave one")


def _section(prefix: str, section: Sft | Rl, fail: Fail) -> None:
    if section.lora and not section.lora.targets:
        fail(f"{prefix}lora.targets is empty; name the layers to adapt, such as [q_proj, v_proj]")
    if isinstance(section, Rl):
        if not section.rewards:
            fail(f"{prefix}rewards is empty; name at least one term of {', '.join(rewards.REWARDS)}")
        if len(section.rewards) > TERMS:
            fail(f"{prefix}rewards names {len(section.rewards)} terms, and at most {TERMS} are paid; leave some out")
        for term in section.rewards:
            if term not in rewards.REWARDS:
                fail(f"{prefix}rewards: unknown reward {term!r}{nearest(term, rewards.REWARDS)}")


def _kinds(params: Params, fail: Fail) -> None:
    """How traces are made."""
    for name, kind in params.kinds.items():
        if (kind.way == "sampled") != (kind.teacher is not None):
            fail(
                f"kinds.{name}.teacher is missing: {ITSELF}, {BASE}MODEL, an arm or a run" if kind.teacher is None
                else f"kinds.{name}.teacher is {kind.teacher!r}, but {kind.way} traces have none; set it to null"
            )  # fmt: skip


def _arms(params: Params, where: str, fail: Fail) -> None:
    """`where`: the file's name."""
    for name, arm in params.arms.items():
        if arm.method not in METHODS:
            fail(f"arms.{name}.method is {arm.method!r}{nearest(arm.method, METHODS)}")
    for name, arm in params.arms.items():
        stage = method(params, name).stage
        section = settings(params, name, where)
        _section(f"arms.{name}: ", section, fail)
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
        _untaught(params, kind, fail)


def _untaught(params: Params, kind: str, fail: Fail) -> None:
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
