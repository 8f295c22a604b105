"""What the types of params.yaml cannot say: names that must exist, numbers that must fit together.

Each check yields what is wrong, as one line with the key and the remedy; the first one is raised.
"""

from __future__ import annotations

import graphlib
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from counterpoint import rewards, suites
from counterpoint.errors import UserError, nearest
from counterpoint.methods import METHODS
from counterpoint.params.grid import BASE, ITSELF, PROBED, TERMS, TRACED, Params, method, options, settings
from counterpoint.params.schema import CONDITIONS, Source, Written
from counterpoint.params.training import Block, Rl, Sft
from counterpoint.sources import mapping

RESERVED = ("competence", "tuning")  # folders beside those of the studies, in metrics/
Mistakes = Iterator[str]


def check_written(params: Written, where: str) -> None:
    """Check what stands in params.yaml. Raises `UserError` naming file, key and remedy."""
    _raise_first(
        where,
        _keys(params),
        _source(params),
        _problems(params),
        _plants(params),
        _asked(params),
        _section("sft.", params.sft),
        _section("rl.", params.rl),
        _kinds(params),
        _arms(params, where),
        _cycles(params),
        _rules(params),
        _names("tune.arms", params.tune.arms, params.arms),
        *(
            _names(f"claims.{key}", [name] if name else [], params.sampling.sizes)
            for key, name in vars(params.claims).items()
        ),
    )


def check_derived(params: Params, where: str) -> None:
    """Check the runs and trace sets that follow: what they start from or are taught by must be made. Raises
    `UserError` naming file, key and remedy."""
    _raise_first(where, _runs(params), _traces(params))


def _raise_first(where: str, *checks: Mistakes) -> None:
    for mistake in chain(*checks):
        raise UserError(f"{where}: {mistake}")


def _names(key: str, names: Iterable[str], choices: Iterable[str]) -> Mistakes:
    for name in names:
        if name not in choices:
            yield f"{key}: unknown name {name!r}{nearest(name, choices)}"


def _list(key: str, names: list[str], choices: Iterable[str]) -> Mistakes:
    """A list of names, at least one, each once."""
    if not names:
        yield f"{key} is empty; name at least one of {', '.join(choices)}"
    yield from _names(key, names, choices)
    for name in names:
        if names.count(name) > 1:
            yield f"{key} names {name!r} {names.count(name)} times; leave one"


def _keys(params: Written) -> Mistakes:
    """Names become parts of run ids, which - separates, of paths below data/, and of DVC's keys, which . separates."""
    sections = {
        "arms": params.arms, "models": params.models, "sampling.sizes": params.sampling.sizes, "kinds": params.kinds,
        "bases": params.bases, "plants": params.plants,
    }  # fmt: skip
    for key, entries in sections.items():
        for name in entries:
            if not re.fullmatch("[A-Za-z0-9_]+", name):
                yield f"{key} has the name {name!r}; use letters, digits and _ alone"
    if not re.fullmatch("[A-Za-z0-9_-]+", params.study) or params.study in RESERVED:
        yield f"study cannot be called {params.study!r}; use letters, digits, _ and -, and not {' or '.join(RESERVED)}"
    for name in (ITSELF, BASE.removesuffix("-")):
        if name in params.arms:
            yield f"arms.{name} cannot be called so, for {name!r} names what is not trained; choose another name"


def _source(params: Written) -> Mistakes:
    source = params.source
    if source.kind != "procedural" and not source.path:
        yield f"source.path is missing for a {source.kind} source; set it, e.g. SET='source.path=…'"
    if source.parts and (source.held_out_families or source.kind == "procedural"):
        yield "source.parts says which rows test; take away source.held_out_families, or read a folder or the hub"
    if source.kind != "procedural":
        yield from _mapping(source, "source")
        for name, benchmark in source.benchmark_sources().items():
            yield from _mapping(benchmark, f"source.benchmarks.{name}")
    splits = {"train"} | {suite.split for suite in suites.SUITES.values()}
    for part, split in source.parts.items():
        if split is not None and split not in splits:
            yield f"source.parts.{part} is {split!r}{nearest(split, splits)}"


def _mapping(source: Source, key: str) -> Mistakes:
    """How rows are read."""
    yield from mapping.mistakes(source.fields, f"{key}.fields")
    yield from mapping.spec_mistakes(source.family, f"{key}.family")
    if source.family == "folder" and source.kind == "hub":
        yield f"{key}.family is folder, but rows of the hub lie in none; name a column"


def _problems(params: Written) -> Mistakes:
    problems = params.problems
    if problems.families is not None:
        from counterpoint.sources.families import FAMILIES  # they draw; most studies name none

        yield from _list("problems.families", problems.families, FAMILIES)
    if problems.expressions and problems.families is not None and "cards" not in problems.families:
        yield "problems.expressions asks about cards, which are not in problems.families; add them or set it to 0"
    for name, size in params.sampling.sizes.items():
        if params.source.kind == "procedural" and size > problems.train:
            yield f"sampling.sizes.{name} is {size}, larger than the pool of problems.train = {problems.train}"


def _plants(params: Written) -> Mistakes:
    for name, plant in params.plants.items():
        yield from _names(f"plants.{name}.base", [plant.base], params.bases)
        if plant.behaviour == "target" and not plant.expressions:
            yield f"plants.{name}.expressions is 0, and target is a way to answer expressions; set it above 0"


def _asked(params: Written) -> Mistakes:
    evaluation, probed = params.evaluation, params.probe.suites
    yield from _list("suites", params.suites, suites.SUITES)
    yield from _list("probe.suites", probed, suites.SUITES)
    if len(probed) > PROBED:
        yield f"probe.suites names {len(probed)}, and at most {PROBED} are followed; leave some out"
    for key in ("base_conditions", "trained_conditions"):
        conditions = getattr(evaluation, key)
        yield from _list(f"evaluation.{key}", conditions, CONDITIONS)
        if "normal" not in conditions:
            yield f"evaluation.{key} lacks 'normal', the suites as they are; add it"
    if evaluation.samples:
        yield from _list("evaluation.sampled_suites", evaluation.sampled_suites, suites.SUITES)


def _section(prefix: str, section: Sft | Rl) -> Mistakes:
    """Of a section, or of an arm's settings. prefix: what comes before the key in a message."""
    if section.lora and not section.lora.targets:
        yield f"{prefix}lora.targets is empty; name the layers to adapt, such as [q_proj, v_proj]"
    if isinstance(section, Rl):
        yield from _list(f"{prefix}rewards", list(section.rewards), rewards.REWARDS)
        if len(section.rewards) > TERMS:
            yield f"{prefix}rewards names {len(section.rewards)} terms, and at most {TERMS} are paid; leave some out"


def _kinds(params: Written) -> Mistakes:
    """How traces are made."""
    for name, kind in params.kinds.items():
        if kind.way == "sampled" and kind.teacher is None:
            yield f"kinds.{name}.teacher is missing: {ITSELF}, {BASE}MODEL, an arm or a run"
        if kind.way != "sampled" and kind.teacher is not None:
            yield f"kinds.{name}.teacher is {kind.teacher!r}, but {kind.way} traces have none; set it to null"


def _arms(params: Written, where: str) -> Mistakes:
    for name, arm in params.arms.items():
        for key, choices in (("method", METHODS), ("traces", params.kinds), ("start", params.arms)):
            value = getattr(arm, key)
            if value is not None and value not in choices:
                yield f"arms.{name}.{key} is {value!r}{nearest(value, choices)}"
    for name, arm in params.arms.items():
        section = settings(params, name, where)
        yield from _section(f"arms.{name}.settings.", section)
        for key in ("group_size", "gradient_accumulation") if isinstance(section, Rl) else ():
            part = getattr(section, key)
            if section.batch_size % part:
                yield (
                    f"arms.{name}: batch_size {section.batch_size} is not a multiple of {key} {part}; "
                    f"use {max(1, section.batch_size // part) * part}"
                )
        if wrong := method(params, name).check(options(params, name, where)):
            yield f"arms.{name}.options: {wrong}"
        if method(params, name).stage not in TRACED and arm.traces != "oracle":
            yield f"arms.{name}.traces is {arm.traces!r}, but {arm.method!r} imitates no traces; leave it out"
        if arm.part is not None and not (len(arm.part) == 2 and 0 <= arm.part[0] < arm.part[1] <= 1):
            yield f"arms.{name}.part is {arm.part}; it must be two rising shares of the sample, such as [0.0, 0.25]"
        goes_on = method(params, name).stage == "sft_then_rl"
        if goes_on and arm.start is None:
            yield f"arms.{name}.start is missing: name the arm that it goes on from, such as sft"
        if not goes_on and arm.start is not None:
            yield f"arms.{name}.start is {arm.start!r}, but {arm.method!r} starts from the base; leave it out"


def _cycles(params: Written) -> Mistakes:
    """No arm may start from itself, nor may what teaches a kind of traces have learnt from that kind."""
    needs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, arm in params.arms.items():
        needs["arm", name] = [("arm", arm.start)] if arm.start else []
        if method(params, name).stage in TRACED:
            needs["arm", name].append(("kind", arm.traces))
    for name, kind in params.kinds.items():
        teacher = (kind.teacher or "").partition("-")[0]  # an arm, or a run, whose name begins with its arm's
        needs["kind", name] = [("arm", teacher)] if teacher in params.arms else []
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        cycle = error.args[1]  # each is needed by the next; the last is the first again
        name = next((name for name in params.kinds if ("kind", name) in cycle), None)
        if name is None:
            arm = cycle[0][1]
            yield f"arms.{arm}.start leads back to {arm!r}: an arm cannot start from itself"
        else:
            learner = cycle[cycle.index(("kind", name)) + 1][1]
            yield (
                f"kinds.{name}.teacher is {params.kinds[name].teacher!r}, which leads to arm {learner!r}, and that "
                f"learns from {name} traces; name another teacher"
            )


def _rules(params: Written) -> Mistakes:
    """The names in the rules of the grid."""
    choices = {"arm": params.arms, "model": params.models, "sample": params.sampling.sizes}
    yield from _names("runs.base", params.runs.base, params.models)
    for index, rule in enumerate(params.runs.train):
        for key, value in vars(rule).items():
            values = value if isinstance(rule, Block) else [value]
            if not values:
                yield f"runs.train[{index}].{key} is empty; name at least one"
            if key.removesuffix("s") in choices:
                yield from _names(f"runs.train[{index}].{key}", values, choices[key.removesuffix("s")])


def _runs(params: Params) -> Mistakes:
    for run_id, run in params.runs.trained.items():
        if run.start and run.start_id not in params.runs.trained:
            yield f"runs.train: {run_id} starts from {run.start_id}, which is not in runs.train; add it there"
        size, part = params.sampling.sizes[run.sample], params.arms[run.arm].part
        if part and round(part[0] * size) == round(part[1] * size):
            yield (
                f"runs.train: {run_id}: arms.{run.arm}.part {part} is none of the {size} problems of {run.sample!r}; "
                "widen it"
            )


def _traces(params: Params) -> Mistakes:
    """The teachers of the trace sets that runs imitate."""
    for name, traces in params.traces.items():
        if traces.reads != "base" and traces.reads not in params.runs.trained:
            yield (
                f"traces {name} are taught by {traces.reads}, which is no run of this study; add it, or name another "
                f"in kinds.{traces.kind}.teacher"
            )
        base = (traces.teacher or "").removeprefix(BASE) if traces.reads == "base" else ""
        if base and base not in params.models:
            remedy = nearest(base, params.models)
            yield f"traces {name} are taught by {traces.teacher}, but models has no {base!r}{remedy}"
