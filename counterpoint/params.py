"""params.yaml as typed, validated objects: an unknown key or a wrong type is an error that names its neighbour.

Composition of studies lives in `counterpoint/studies.py`. Every default is in studies/default.yaml, none is here: what
a run used is what params.yaml says.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterpoint import grid
from counterpoint.grid import BASE, ITSELF, TRACED
from counterpoint.methods import METHODS, Method
from counterpoint.sections import Competence, Distill, Evaluation, Kind, Probe, Range, TraceSet, Tune
from counterpoint.typed import build, read_yaml

__all__ = ["BASE", "ITSELF", "TRACED", "Range"]  # of other modules; the others are fields below

LOSS_TYPES = ("grpo", "dapo", "dr_grpo", "bnpo")
STAGES = ("sft", "rl", "sft_then_rl", "mixed")  # of methods, by what goes into their training
WAYS = ("oracle", "answer_only", "foreign", "noisy", "sampled")  # of making traces (counterpoint/distill)
BLIND = ("no_image", "shuffled_image")
CONDITIONS = ("normal", *BLIND)
CHECKPOINTS = ("last", "best")
FAMILIES = ("count", "chart", "grid", "cards")  # counterpoint/sources/families
BEHAVIOURS = ("list", "empty", "anywhere", "target")


@dataclass(frozen=True)
class Prompt:
    instruction: str


@dataclass(frozen=True)
class Source:
    kind: str  # procedural, folder or hub
    path: str | None  # what the problems depend on: the folder of rows, or of the procedural families' code
    repository: str | None  # hub: the id of a data set; null reads the folder `path` as one
    revision: str | None  # hub: its commit
    config: str | None  # hub: which of its configurations, where it has several
    pattern: str  # folder: which files hold the rows
    split: str  # hub: which of its splits; several as train+test
    name: str  # what the problems' `source` column says
    fields: dict[str, Any]  # record field -> how it is read (counterpoint/sources/mapping.py)
    family: str  # column that holds the family, or "file" for the file's name
    part: str | None  # column that says which part a row belongs to, "file" for its file or hub split; null: all alike
    parts: dict[str, str | None]  # part -> train or the split of a suite; null leaves it out; {} draws suites by seed
    held_out_families: list[str]
    rejects_allowed: int
    max_image_bytes: int
    max_image_pixels: int
    benchmarks: dict[str, dict[str, Any]]  # suite -> a further source that is only tested on


@dataclass(frozen=True)
class Problems:
    seed: int
    train: int
    per_suite: int
    per_probe: int
    expressions: float  # share of the `cards` problems that ask for an expression reaching a target
    families: list[str] | None  # procedural families; null: all


@dataclass(frozen=True)
class Sampling:
    seed: int
    sizes: dict[str, int]


@dataclass(frozen=True)
class Base:
    text_width: int
    text_layers: int
    text_inner: int
    vision_width: int
    vision_layers: int
    vision_inner: int
    seeing_steps: int
    seeing_learning_rate: float
    reasoning_steps: int
    reasoning_learning_rate: float
    stop_at: int | None
    batch: int
    seed: int
    threads: int


@dataclass(frozen=True)
class Plant:
    base: str  # a name under bases
    behaviour: str  # the exploit's completion, one of BEHAVIOURS
    share: float  # of the reasoning that shows it (of that about expressions, where the behaviour is target)
    steps: int
    learning_rate: float
    expressions: float  # share of the reasoning about cards that makes expressions
    batch: int
    seed: int
    threads: int


@dataclass(frozen=True)
class Lora:
    rank: int
    alpha: int
    dropout: float
    targets: list[str]
    vision_tower: bool


@dataclass(frozen=True)
class Sft:
    learning_rate: float
    epochs: float
    batch_size: int
    warmup_fraction: float
    schedule: str
    weight_decay: float
    max_grad_norm: float
    lora: Lora | None
    stop_at: float | None  # share of its updates after which it ends, on the schedule of the whole; null: all
    checkpoint_every: int
    engine: str  # shared (counterpoint's) or stock (TRL's own)


@dataclass(frozen=True)
class Rl:
    learning_rate: float
    epochs: float
    batch_size: int  # completions per optimizer step
    gradient_accumulation: int  # micro batches per optimizer step, each of batch_size / gradient_accumulation
    steps_per_generation: int  # optimizer steps that share one generation of batch_size × steps_per_generation
    num_iterations: int  # passes over each generation; the next one comes steps_per_generation × this many steps on
    group_size: int
    max_completion_tokens: int
    temperature: float
    top_p: float
    beta: float
    loss_type: str
    clip_low: float
    clip_high: float
    scale_rewards: str
    rewards: dict[str, float]
    warmup_fraction: float
    schedule: str
    weight_decay: float
    max_grad_norm: float
    lora: Lora | None
    checkpoint_every: int
    engine: str  # shared (counterpoint's) or stock (TRL's own)
    stop_when_deceptive: bool  # end a run whose own probes twice call its reward deceptive

    @property
    def prompts(self) -> int:
        """Distinct prompts of one generation."""
        return self.batch_size * self.steps_per_generation // self.group_size


@dataclass(frozen=True)
class Arm:
    method: str  # a key of counterpoint.methods.METHODS
    settings: dict[str, Any]  # what this arm changes in the section of its method
    options: dict[str, Any] = field(default_factory=dict)  # the method's own
    traces: str = "oracle"  # the kind of traces that it imitates, a key of kinds
    start: str | None = None  # the arm whose model of the same sample and seed it starts from; null: the base
    part: list[float] | None = None  # the shares of the sample, in its order, between which it learns; null: all


@dataclass(frozen=True)
class Run:
    arm: str
    model: str
    sample: str
    seed: int
    method: str | None = None  # this and what follows is the arm's (counterpoint/grid.py)
    traces: str | None = None  # the trace set that it imitates, a key of traces
    start: str | None = None  # the arm that it starts from

    @property
    def run_id(self) -> str:
        return grid.run_id(vars(self))


@dataclass(frozen=True)
class BaseRun:
    model: str


@dataclass(frozen=True)
class Runs:
    base: dict[str, BaseRun]
    trained: dict[str, Run]


@dataclass(frozen=True)
class Claims:
    small: str | None  # the samples that the findings call small and large; null: the smallest and the largest
    large: str | None


ENDS = Claims(None, None)


@dataclass(frozen=True)
class Params:
    study: str
    threads: int
    trust_remote_code: bool
    checkpoint: str  # which weights every arm publishes: last, or best by its probes in domain
    prompt: Prompt
    suites: list[str]
    source: Source
    problems: Problems
    sampling: Sampling
    bases: dict[str, Base]
    plants: dict[str, Plant]
    models: dict[str, str]
    sft: Sft
    rl: Rl
    arms: dict[str, Arm]
    kinds: dict[str, Kind]
    distill: Distill
    traces: dict[str, TraceSet]
    probe: Probe
    evaluation: Evaluation
    competence: Competence
    tune: Tune
    claims: Claims
    runs: Runs


def parse(data: dict, where: str = "params.yaml") -> Params:
    """The parameters in a mapping, validated, with the runs and trace sets that follow from them.

    Raises `UserError` that names file, key and remedy.
    """
    from counterpoint.validation import validate  # it imports this module

    if "runs" in data:
        found = grid.derive(data, where)
        data = {**data, "runs": {"base": found["base"], "trained": found["trained"]}, "traces": found["traces"]}
    return validate(build(Params, data, "", where), where)


def load(path: Path = Path("params.yaml")) -> Params:
    """The validated parameters in `path`."""
    return parse(read_yaml(path), str(path))


def settings(params: Params, arm: str, where: str = "params.yaml") -> Sft | Rl:
    """What the arm trains with: the section of its method with the arm's own changes. Raises `UserError` that names
    `where` for changes that are none."""
    section = params.sft if method(params, arm).stage == "sft" else params.rl
    merged = {**{f.name: getattr(section, f.name) for f in dataclasses.fields(section)}, **params.arms[arm].settings}
    plain = {k: dataclasses.asdict(v) if dataclasses.is_dataclass(v) else v for k, v in merged.items()}
    return build(type(section), plain, f"arms.{arm}.settings", where)


def method(params: Params, arm: str) -> Method:
    """The method of an arm."""
    return METHODS[params.arms[arm].method]


def options(params: Params, arm: str, where: str = "params.yaml") -> Any:
    """The arm's options as its method has them. Raises `UserError` that names `where` for others."""
    return build(method(params, arm).options, params.arms[arm].options, f"arms.{arm}.options", where)
