"""What the types of params.yaml cannot say: names that must exist, numbers that must fit together."""

from __future__ import annotations

import re
import typing

from counterpoint import rewards, suites
from counterpoint.errors import UserError
from counterpoint.grid import PROBED, TERMS
from counterpoint.params import (
    BASE,
    BEHAVIOURS,
    CHECKPOINTS,
    CONDITIONS,
    FAMILIES,
    ITSELF,
    LOSS_TYPES,
    Params,
    Problems,
    Rl,
    Sft,
    Source,
)
from counterpoint.typed import nearest
from counterpoint.validation_runs import validate_arms, validate_claims, validate_kinds, validate_runs, validate_traces

# The names of transformers' SchedulerType that run at any learning rate and warmup without arguments of their own.
SCHEDULES = ("linear", "cosine", "cosine_with_restarts", "constant", "constant_with_warmup", "inverse_sqrt")
SCALE_REWARDS = ("group", "batch", "none")  # what TRL's GRPOConfig takes
ENGINES = ("shared", "stock")

RANGES: dict[str, tuple[typing.Callable[[float], bool], str]] = {
    "learning_rate": (lambda x: x >= 0, "at least 0"),
    "epochs": (lambda x: x > 0, "above 0"),
    "stop_at": (lambda x: x is None or 0 < x <= 1, "null, or above 0 and at most 1"),
    "batch_size": (lambda x: x >= 1, "at least 1"),
    "gradient_accumulation": (lambda x: x >= 1, "at least 1"),
    "steps_per_generation": (lambda x: x >= 1, "at least 1"),
    "num_iterations": (lambda x: x >= 1, "at least 1"),
    "warmup_fraction": (lambda x: 0 <= x <= 1, "between 0 and 1"),
    "weight_decay": (lambda x: x >= 0, "at least 0"),
    "max_grad_norm": (lambda x: x >= 0, "at least 0"),
    "checkpoint_every": (lambda x: x >= 1, "at least 1"),
    "group_size": (lambda x: x >= 2, "at least 2, or no advantage can be computed"),
    "max_completion_tokens": (lambda x: x >= 1, "at least 1"),
    "temperature": (lambda x: x > 0, "above 0"),
    "top_p": (lambda x: 0 < x <= 1, "above 0 and at most 1"),
    "beta": (lambda x: x >= 0, "at least 0"),
    "clip_low": (lambda x: x > 0, "above 0"),
    "clip_high": (lambda x: x > 0, "above 0"),
    "lora.rank": (lambda x: x >= 1, "at least 1"),
    "lora.alpha": (lambda x: x >= 1, "at least 1"),
    "lora.dropout": (lambda x: 0 <= x < 1, "at least 0 and below 1"),
}
LARGEST_SEED = 2**32 - 1  # of NumPy's global generator, which training seeds


def validate(params: Params, where: str = "params.yaml") -> Params:
    """Check what types cannot say. Raises `UserError` naming the key and the remedy."""

    def fail(text: str) -> typing.NoReturn:
        raise UserError(f"{where}: {text}")

    if params.source.kind not in ("procedural", "folder", "hub"):
        fail(f"source.kind is {params.source.kind!r}; it must be procedural, folder or hub")
    if params.source.kind != "procedural" and not params.source.path:
        fail(f"source.path is missing for a {params.source.kind} source; set it, e.g. SET='source.path=…'")
    _validate_keys(params, fail)
    _validate_source(params.source, fail)
    _validate_problems(params.problems, fail)
    _validate_plants(params, fail)
    if params.checkpoint not in CHECKPOINTS:
        fail(f"checkpoint is {params.checkpoint!r}{nearest(params.checkpoint, CHECKPOINTS)}")
    if params.threads < 1:
        fail("threads must be at least 1")
    for key, number in (
        ("problems.train", params.problems.train),
        ("problems.per_suite", params.problems.per_suite),
        ("problems.per_probe", params.problems.per_probe),
        ("probe.at_least", params.probe.at_least),
        ("probe.every", params.probe.every),
        ("probe.max_tokens", params.probe.max_tokens),
        ("probe.batch_size", params.probe.batch_size),
        ("evaluation.max_tokens", params.evaluation.max_tokens),
        ("evaluation.batch_size", params.evaluation.batch_size),
        ("competence.problems", params.competence.problems),
        ("competence.samples", params.competence.samples),
        ("competence.max_tokens", params.competence.max_tokens),
        ("competence.batch_size", params.competence.batch_size),
        ("tune.trials", params.tune.trials),
        ("tune.probes", params.tune.probes),
    ):
        if number is not None and number < 1:
            fail(f"{key} must be at least 1, not {number}")
    for key, seed in (("problems.seed", params.problems.seed), ("sampling.seed", params.sampling.seed)):
        _validate_seed(key, seed, fail)
    _validate_names("suites", params.suites, suites.SUITES, fail)
    _validate_evaluation(params, fail)
    for name, size in params.sampling.sizes.items():
        if size < 1:
            fail(f"sampling.sizes.{name} must be at least 1")
        if params.source.kind == "procedural" and size > params.problems.train:
            fail(f"sampling.sizes.{name} is {size}, larger than the pool of problems.train = {params.problems.train}")
    _validate_section("sft.", params.sft, fail)
    _validate_section("rl.", params.rl, fail)
    validate_kinds(params, fail)
    validate_arms(params, _validate_section, where, fail)
    validate_runs(params, lambda key, seed: _validate_seed(key, seed, fail), fail)
    validate_traces(params, fail)
    validate_claims(params, fail)
    for arm in params.tune.arms:
        if arm not in params.arms:
            fail(f"tune.arms: no arm {arm!r}{nearest(arm, params.arms)}")
    return params


def _validate_keys(params: Params, fail) -> None:
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
    for taken in (ITSELF, BASE.removesuffix("-")):
        if taken in params.arms:
            fail(f"arms.{taken} cannot be called so, for {taken!r} names what is not trained; choose another name")


def _validate_evaluation(params: Params, fail) -> None:
    limits = params.evaluation
    _validate_names("probe.suites", params.probe.suites, suites.SUITES, fail)
    if len(params.probe.suites) > PROBED:
        fail(f"probe.suites names {len(params.probe.suites)}, and at most {PROBED} are followed; leave some out")
    for key in ("base_conditions", "trained_conditions"):
        _validate_names(f"evaluation.{key}", getattr(limits, key), CONDITIONS, fail)
        if "normal" not in getattr(limits, key):
            fail(f"evaluation.{key} lacks 'normal', the suites as they are; add it")
    if limits.samples < 0:
        fail(f"evaluation.samples must be at least 0, not {limits.samples}")
    if limits.samples:
        _validate_names("evaluation.sampled_suites", limits.sampled_suites, suites.SUITES, fail)
    for key in ("temperature", "top_p"):
        holds, allowed = RANGES[key]
        if not holds(getattr(limits, key)):
            fail(f"evaluation.{key} must be {allowed}, not {getattr(limits, key)}")


def _validate_source(source: Source, fail) -> None:
    for key, least in (("rejects_allowed", 0), ("max_image_bytes", 1), ("max_image_pixels", 1)):
        if getattr(source, key) < least:
            fail(f"source.{key} must be at least {least}, not {getattr(source, key)}")
    if source.parts and (source.held_out_families or source.kind == "procedural"):
        fail("source.parts says which rows test; take away source.held_out_families, or read a folder or the hub")
    known = {"train"} | {suite.split for suite in suites.SUITES.values()}
    for part, split in source.parts.items():
        if split is not None and split not in known:
            fail(f"source.parts.{part} is {split!r}{nearest(split, known)}")


def _validate_problems(problems: Problems, fail) -> None:
    _validate_share("problems.expressions", problems.expressions, fail)
    if problems.families is not None:
        _validate_names("problems.families", problems.families, FAMILIES, fail)
    if problems.expressions and problems.families is not None and "cards" not in problems.families:
        fail("problems.expressions asks about cards, which are not in problems.families; add them or set it to 0")


def _validate_plants(params: Params, fail) -> None:
    for name, plant in params.plants.items():
        key = f"plants.{name}"
        if plant.base not in params.bases:
            fail(f"{key}.base: unknown name {plant.base!r}{nearest(plant.base, params.bases)}")
        if plant.behaviour not in BEHAVIOURS:
            fail(f"{key}.behaviour is {plant.behaviour!r}{nearest(plant.behaviour, BEHAVIOURS)}")
        _validate_share(f"{key}.share", plant.share, fail)
        _validate_share(f"{key}.expressions", plant.expressions, fail)
        if plant.behaviour == "target" and not plant.expressions:
            fail(f"{key}.expressions is 0, and target is a way to answer expressions; set it above 0")
        for least in ("steps", "batch", "threads"):
            if getattr(plant, least) < 1:
                fail(f"{key}.{least} must be at least 1, not {getattr(plant, least)}")
        if plant.learning_rate <= 0:
            fail(f"{key}.learning_rate must be above 0, not {plant.learning_rate}")
        _validate_seed(f"{key}.seed", plant.seed, fail)


def _validate_share(key: str, share: float, fail) -> None:
    if not 0 <= share <= 1:
        fail(f"{key} must be between 0 and 1, not {share}")


def _validate_names(key: str, names: list[str], known: typing.Iterable[str], fail) -> None:
    if not names:
        fail(f"{key} is empty; name at least one of {', '.join(known)}")
    for name in names:
        if name not in known:
            fail(f"{key}: unknown name {name!r}{nearest(name, known)}")
        if names.count(name) > 1:
            fail(f"{key} names {name!r} {names.count(name)} times; leave one")


def _validate_seed(key: str, seed: int, fail) -> None:
    if not 0 <= seed <= LARGEST_SEED:
        fail(f"{key} must be between 0 and {LARGEST_SEED}, not {seed}")


def _validate_section(prefix: str, section: Sft | Rl, fail) -> None:
    values = vars(section) | {f"lora.{k}": v for k, v in (vars(section.lora) if section.lora else {}).items()}
    for key, (holds, allowed) in RANGES.items():
        if key in values and not holds(values[key]):
            fail(f"{prefix}{key} must be {allowed}, not {values[key]}")
    if section.lora and not section.lora.targets:
        fail(f"{prefix}lora.targets is empty; name the layers to adapt, such as [q_proj, v_proj]")
    for key, known in (
        ("schedule", SCHEDULES),
        ("scale_rewards", SCALE_REWARDS),
        ("loss_type", LOSS_TYPES),
        ("engine", ENGINES),
    ):
        if key in values and values[key] not in known:
            fail(f"{prefix}{key} is {values[key]!r}{nearest(values[key], known)}")
    if isinstance(section, Rl):
        if not section.rewards:
            fail(f"{prefix}rewards is empty; name at least one term of {', '.join(rewards.REWARDS)}")
        if len(section.rewards) > TERMS:
            fail(f"{prefix}rewards names {len(section.rewards)} terms, and at most {TERMS} are paid; leave some out")
        for term in section.rewards:
            if term not in rewards.REWARDS:
                fail(f"{prefix}rewards: unknown reward {term!r}{nearest(term, rewards.REWARDS)}")
