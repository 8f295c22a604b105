"""params.yaml as typed, validated objects: an unknown key or a wrong type is an error that names its neighbour.

Composition of studies lives in `counterpoint/studies.py`. Every default is in studies/default.yaml, none is here: what
a run used is what params.yaml says.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import sys
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from counterpoint.errors import UserError

LOSS_TYPES = ("grpo", "dapo", "dr_grpo", "bnpo")
METHODS = ("sft", "rl", "sft_then_rl")
BLIND = ("no_image", "shuffled_image")
CONDITIONS = ("normal", *BLIND)
CHECKPOINTS = ("last", "best")
FAMILIES = ("count", "chart", "grid", "cards")  # counterpoint/sources/families
BEHAVIOURS = ("list", "empty", "anywhere", "target")


class Loader(yaml.SafeLoader):
    """PyYAML with the floats of YAML 1.2: `1e-5` is a number, as DVC reads it, not a string."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$"), list("-+0123456789.")
)


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
    method: str
    settings: dict[str, Any]  # what this arm changes in the section of its method


@dataclass(frozen=True)
class Probe:
    suites: list[str]  # followed while training, as far as the study has problems for them
    at_least: int  # probes per run, step 0 included
    every: int | None  # optimizer steps between probes; null derives it from at_least
    max_tokens: int
    batch_size: int


@dataclass(frozen=True)
class Evaluation:
    max_tokens: int
    batch_size: int
    base_conditions: list[str]
    trained_conditions: list[str]
    samples: int  # sampled answers to each problem of the study's sampled_suites, besides the greedy one
    sampled_suites: list[str]
    temperature: float
    top_p: float


@dataclass(frozen=True)
class Competence:
    problems: int  # per family for captions; four times as many per suite
    samples: int
    max_tokens: int
    batch_size: int


@dataclass(frozen=True)
class Run:
    arm: str
    model: str
    sample: str
    seed: int

    @property
    def run_id(self) -> str:
        return f"{self.arm}-{self.model}-{self.sample}-{self.seed}"


@dataclass(frozen=True)
class BaseRun:
    model: str


@dataclass(frozen=True)
class Runs:
    base: dict[str, BaseRun]
    sft: dict[str, Run]
    rl: dict[str, Run]
    sft_then_rl: dict[str, Run]


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
    probe: Probe
    evaluation: Evaluation
    competence: Competence
    runs: Runs


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest known name, or the list of what is known."""
    known = list(known)
    close = difflib.get_close_matches(name, known, 1, 0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(map(repr, known))}" if known else ""


def build(kind: Any, value: Any, key: str, where: str = "params.yaml") -> Any:
    """`value` as an instance of the type `kind`. Raises `UserError` that names file, key and remedy."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        return build(next(a for a in arguments if a is not type(None)), value, key, where)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, key, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise UserError(f"{where}: {key} must be a mapping, not {value!r}")
        return {str(k): build(arguments[1], v, f"{key}.{k}", where) for k, v in value.items()}
    if origin is list:
        if not isinstance(value, list):
            raise UserError(f"{where}: {key} must be a list, not {value!r}")
        return [build(arguments[0], v, f"{key}[{i}]", where) for i, v in enumerate(value)]
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= sys.float_info.max:  # not a number, infinite, or too large an integer
            raise UserError(f"{where}: {key} must be a finite number, not {value!r}")
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{where}: {key} must be of type {kind.__name__}, not {value!r} ({type(value).__name__})")
    return value


def _build_dataclass(kind: Any, value: Any, key: str, where: str) -> Any:
    if not isinstance(value, dict):
        raise UserError(f"{where}: {key or 'the file'} must be a mapping, not {value!r}")
    hints = typing.get_type_hints(kind)
    prefix = f"{key}." if key else ""
    for name in value:
        if name not in hints:
            raise UserError(f"{where}: unknown key {prefix}{name}{nearest(str(name), hints)}")
    for name in hints:
        if name not in value:
            raise UserError(f"{where}: {prefix}{name} is missing; studies/default.yaml has it")
    return kind(**{name: build(hints[name], value[name], f"{prefix}{name}", where) for name in hints})


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file. Raises `UserError` when it cannot be read or is none."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `make study` writes params.yaml from studies/default.yaml") from None
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must be a mapping of parameters")
    return data


def parse(data: dict, where: str = "params.yaml") -> Params:
    """The parameters in a mapping, validated. Raises `UserError` that names file, key and remedy."""
    from counterpoint.validation import validate  # it imports this module

    return validate(build(Params, data, "", where), where)


def load(path: Path = Path("params.yaml")) -> Params:
    """The validated parameters in `path`."""
    return parse(read_yaml(path), str(path))


def settings(params: Params, arm: str) -> Sft | Rl:
    """What the arm trains with: the section of its method with the arm's own changes."""
    method = params.arms[arm].method
    section = params.sft if method == "sft" else params.rl
    merged = {**{f.name: getattr(section, f.name) for f in dataclasses.fields(section)}, **params.arms[arm].settings}
    plain = {k: dataclasses.asdict(v) if dataclasses.is_dataclass(v) else v for k, v in merged.items()}
    return build(type(section), plain, f"arms.{arm}.settings")
