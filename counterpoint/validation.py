"""What the types of params.yaml cannot say: names that must exist, numbers that must fit together."""

from __future__ import annotations

import typing

from counterpoint import rewards, suites
from counterpoint.errors import UserError
from counterpoint.params import CONDITIONS, LOSS_TYPES, METHODS, Params, Rl, nearest, settings


def validate(params: Params, where: str = "params.yaml") -> Params:
    """Check what types cannot say. Raises `UserError` naming the key and the remedy."""

    def fail(text: str) -> typing.NoReturn:
        raise UserError(f"{where}: {text}")

    if params.source.kind not in ("procedural", "folder", "hub"):
        fail(f"source.kind is {params.source.kind!r}; it must be procedural, folder or hub")
    if params.source.kind != "procedural" and not params.source.path:
        fail(f"source.path is missing for a {params.source.kind} source; set it, e.g. SET='source.path=…'")
    if params.threads < 1:
        fail("threads must be at least 1")
    for key, number in (
        ("problems.per_suite", params.problems.per_suite),
        ("problems.per_probe", params.problems.per_probe),
        ("probe.at_least", params.probe.at_least),
        ("probe.every", params.probe.every),
        ("probe.max_tokens", params.probe.max_tokens),
        ("probe.batch_size", params.probe.batch_size),
        ("evaluation.max_tokens", params.evaluation.max_tokens),
        ("evaluation.batch_size", params.evaluation.batch_size),
    ):
        if number is not None and number < 1:
            fail(f"{key} must be at least 1, not {number}")
    for condition in params.evaluation.base_conditions:
        if condition not in CONDITIONS:
            fail(f"evaluation.base_conditions: unknown condition {condition!r}{nearest(condition, CONDITIONS)}")
    for suite in params.suites:
        if suite not in suites.SUITES:
            fail(f"suites: unknown suite {suite!r}{nearest(suite, suites.SUITES)}")
    for name, size in params.sampling.sizes.items():
        if size < 1:
            fail(f"sampling.sizes.{name} must be at least 1")
        if params.source.kind == "procedural" and size > params.problems.train:
            fail(f"sampling.sizes.{name} is {size}, larger than the pool of problems.train = {params.problems.train}")
    for name, arm in params.arms.items():
        if arm.method not in METHODS:
            fail(f"arms.{name}.method is {arm.method!r}{nearest(arm.method, METHODS)}")
        section = settings(params, name)
        if not section.epochs > 0:
            fail(f"arms.{name}: epochs must be above 0")
        if section.checkpoint_every < 1 or section.batch_size < 1:
            fail(f"arms.{name}: checkpoint_every and batch_size must be at least 1")
        if isinstance(section, Rl):
            _validate_rl(name, section, rewards.REWARDS, fail)
    for stage in ("sft", "rl", "sft_then_rl"):
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
            method = params.arms[run.arm].method
            if method != stage:
                fail(f"{key}: arm {run.arm!r} has the method {method!r}, so it belongs to runs.{method}")
            first = f"sft-{run.model}-{run.sample}-{run.seed}"
            if stage == "sft_then_rl" and first not in params.runs.sft:
                fail(f"{key} starts from {first}, which is not in runs.sft; add it there")
    for run_id, run in params.runs.base.items():
        if run.model not in params.models:
            fail(f"runs.base.{run_id}: unknown model {run.model!r}{nearest(run.model, params.models)}")
        if run_id != f"base-{run.model}":
            fail(f"runs.base.{run_id} must be called base-{run.model}")
    return params


def _validate_rl(name: str, section: Rl, known_rewards: typing.Iterable[str], fail) -> None:
    if section.group_size < 2:
        fail(f"arms.{name}: group_size must be at least 2, or no advantage can be computed")
    if section.batch_size % section.group_size:
        fail(
            f"arms.{name}: batch_size {section.batch_size} is not a multiple of group_size {section.group_size}; "
            f"use {max(1, section.batch_size // section.group_size) * section.group_size}"
        )
    if section.loss_type not in LOSS_TYPES:
        fail(f"arms.{name}: loss_type is {section.loss_type!r}{nearest(section.loss_type, LOSS_TYPES)}")
    if not section.rewards:
        fail(f"arms.{name}: rewards is empty; name at least one term")
    for term in section.rewards:
        if term not in known_rewards:
            fail(f"arms.{name}: unknown reward {term!r}{nearest(term, known_rewards)}")
