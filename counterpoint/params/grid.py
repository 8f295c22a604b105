"""What follows from the parameters: the runs and trace sets of the grid, and grid.yaml, by which DVC reads them.

By its arm a run has its method, the arm that it starts from and the trace set that it imitates. A set that is written
from the problems, or sampled by one teacher for all, serves every student (`oracle-2k`, `sibling-2k`); one that a
student's own base samples serves that model (`self-tiny-2k`); one by a run of an arm serves the run of the same model,
sample and seed (`self_again-tiny-2k-1`).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterpoint import suites
from counterpoint.files import OneLine, dump_yaml
from counterpoint.methods import METHODS, Method
from counterpoint.params.schema import Written
from counterpoint.params.training import BLOCK_KEYS, RUN_KEYS, Block, Line, Rl, Sft
from counterpoint.params.typed import build

BASE = "base-"  # begins the name of a base's run, and of a teacher that is a base
ITSELF = "self"  # the teacher that is the student's own base
TRACED = ("sft", "mixed")  # stages of methods that imitate traces
FILE = Path("grid.yaml")
TERMS, PROBED = 4, 6  # reward terms of an arm, suites that are probed: so many have a line in dvc.yaml
NONE = ".gitkeep"  # in data/models and data/traces: what a run that needs none there depends on
HEAD = "# Made from params.yaml, for DVC to read: edit that, and `make study` or `dvc repro` writes this anew.\n"


@dataclass(frozen=True)
class RunSpec:
    """A training run that the study asks for. Its arm gives it `method`, `traces` (the name of the trace set that it
    imitates, if any) and `start` (the arm whose run it goes on from, if any)."""

    arm: str
    model: str
    sample: str
    seed: int
    method: str
    traces: str | None
    start: str | None

    @property
    def run_id(self) -> str:
        return f"{self.arm}-{self.student}"

    @property
    def student(self) -> str:
        """Model, sample and seed: the end of the names of all runs that go together."""
        return f"{self.model}-{self.sample}-{self.seed}"

    @property
    def start_id(self) -> str | None:
        """The run that it goes on from."""
        return self.start and f"{self.start}-{self.student}"


@dataclass(frozen=True)
class BaseRun:
    """A base that is evaluated as it is."""

    model: str


@dataclass(frozen=True)
class Runs:
    """Every run of the study, by its name."""

    base: dict[str, BaseRun]
    trained: dict[str, RunSpec]


@dataclass(frozen=True)
class TraceSet:
    """A trace set. `model` and `seed` are the student's, where it is made for one. `reads`: the folder of data/models
    that it needs, `base` or the run that teaches. `teacher`: base-MODEL or a run; None: the traces are written."""

    kind: str
    model: str | None
    sample: str
    seed: int
    reads: str
    teacher: str | None


@dataclass(frozen=True, kw_only=True)
class Params(Written):
    """The parameters of a study, with the runs and the trace sets that follow from the rules."""

    runs: Runs
    traces: dict[str, TraceSet]


def method(params: Written, arm: str) -> Method:
    """The method of an arm."""
    return METHODS[params.arms[arm].method]


def settings(params: Written, arm: str, where: str = "params.yaml") -> Sft | Rl:
    """What the arm trains with: the section of its method with the arm's own changes. Raises `UserError` that names
    `where` for a change of a key that is not there, or to a value that cannot be."""
    section = params.sft if method(params, arm).stage == "sft" else params.rl
    merged = {**dataclasses.asdict(section), **params.arms[arm].settings}
    return build(type(section), merged, f"arms.{arm}.settings", where)


def options(params: Written, arm: str, where: str = "params.yaml") -> Any:
    """The arm's options, of the type that its method has for them. Raises `UserError` that names `where`."""
    return build(method(params, arm).options, params.arms[arm].options, f"arms.{arm}.options", where)


def derive(written: Written) -> Params:
    """The parameters with the runs and the trace sets that follow. Every arm of a rule, its method and its kind of
    traces must exist (counterpoint/params/checks.py)."""
    trained, traces = {}, {}
    for rule in written.runs.train:
        for arm, model, sample, seed in _combinations(rule):
            run, imitated = run_and_traces(written, arm, model, sample, seed)
            trained[run.run_id] = run
            if imitated:
                traces[run.traces] = imitated
    bases = {f"{BASE}{model}": BaseRun(model) for model in written.runs.base}
    return Params(**{**vars(written), "runs": Runs(bases, trained), "traces": traces})


def _combinations(rule: Block | Line) -> Iterable[tuple[str, str, str, int]]:
    """Arm, model, sample and seed of each run of a rule."""
    if isinstance(rule, Line):
        return [tuple(getattr(rule, key) for key in RUN_KEYS)]
    return itertools.product(*(getattr(rule, key) for key in BLOCK_KEYS))


def run_and_traces(written: Written, arm: str, model: str, sample: str, seed: int) -> tuple[RunSpec, TraceSet | None]:
    """The run of an arm on a model, a sample and a seed, and the trace set that it imitates, if any."""
    spec = written.arms[arm]
    run = RunSpec(arm, model, sample, seed, spec.method, None, spec.start)
    if method(written, arm).stage not in TRACED:
        return run, None
    kind, teacher = spec.traces, written.kinds[spec.traces].teacher
    if teacher == ITSELF:
        name = f"{kind}-{model}-{sample}"
        traces = TraceSet(kind, model, sample, 0, "base", f"{BASE}{model}")
    elif teacher in written.arms:
        name, taught = f"{kind}-{run.student}", f"{teacher}-{run.student}"
        traces = TraceSet(kind, model, sample, seed, taught, taught)
    else:
        reads = "base" if teacher is None or teacher.startswith(BASE) else teacher
        name, traces = f"{kind}-{sample}", TraceSet(kind, None, sample, 0, reads, teacher)
    return dataclasses.replace(run, traces=name), traces


def as_yaml(params: Params) -> str:
    """grid.yaml: of every run and trace set what dvc.yaml asks of it."""
    models = {model: _watched(path) for model, path in params.models.items()}
    evaluated = {name: {"model": run.model, "weights": models[run.model]} for name, run in params.runs.base.items()}
    for name, run in params.runs.trained.items():
        evaluated[name] = {"model": run.model, "weights": f"data/models/{name}"}
    trained = {name: _train_entry(params, run, models) for name, run in params.runs.trained.items()}
    traces = {name: _trace_entry(entry, models) for name, entry in params.traces.items()}
    sections = {"traces": traces, "train": trained, "evaluate": evaluated}
    lines = {name: {key: OneLine(entry) for key, entry in entries.items()} for name, entries in sections.items()}
    return HEAD + dump_yaml({"grid": {"probed": OneLine(probed(params.probe.suites)), **lines}}, width=200)


def _train_entry(params: Params, run: RunSpec, models: Mapping[str, str]) -> dict[str, Any]:
    section = settings(params, run.arm)
    return {
        **{key: getattr(run, key) for key in (*RUN_KEYS, "method")},
        "section": "rl" if isinstance(section, Rl) else "sft",
        "begins": f"data/models/{run.start_id}" if run.start else models[run.model],
        "traces": run.traces or NONE,
        **rewards(section.rewards if isinstance(section, Rl) else ()),
    }


def _trace_entry(entry: TraceSet, models: Mapping[str, str]) -> dict[str, Any]:
    """A trace set, `reads` being the folder of its teacher."""
    if entry.reads != "base":
        folder = f"data/models/{entry.reads}"
    else:
        folder = models.get((entry.teacher or "").removeprefix(BASE), f"data/models/{NONE}")
    return {**dataclasses.asdict(entry), "reads": folder}


def _watched(path: str) -> str:
    """What DVC watches of a checkpoint: the folder, or nothing of one that is not in the file system, as on a hub."""
    return path if path.startswith("data/models/") or Path(path).is_dir() else f"data/models/{NONE}"


def rewards(terms: Iterable[str]) -> dict[str, str]:
    """The modules of counterpoint/rewards that a run with these terms needs, by their place in dvc.yaml."""
    return _numbered("reward", terms, TERMS, "term")


def probed(names: Iterable[str]) -> dict[str, str]:
    """The modules of counterpoint/suites that probes of these suites need, by their place in dvc.yaml."""
    return _numbered("suite", (suites.FILES[name] for name in names), PROBED, "suite")


def _numbered(name: str, modules: Iterable[str], count: int, filler: str) -> dict[str, str]:
    """The modules under `name`_1 and so on; where there are fewer than `count`, `filler`, on which all depend."""
    needed = list(dict.fromkeys(modules))
    return {f"{name}_{n + 1}": needed[n] if n < len(needed) else filler for n in range(count)}
