"""The sections of params.yaml about traces, asking and tuning, as types; the others are in `counterpoint/params.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    way: str  # how its traces are made, one of WAYS
    teacher: str | None  # of a sampled kind: self (the student's base), base-MODEL, an arm (the student's run), a run


@dataclass(frozen=True)
class TraceSet:
    kind: str
    model: str | None  # the student, where the traces are made for one
    sample: str
    seed: int
    reads: str  # the folder of data/models that is needed: base, or the run that teaches
    teacher: str | None = None  # base-MODEL or a run; null where the traces are written


@dataclass(frozen=True)
class Distill:
    samples: int  # traces that a teacher samples of a problem
    keep: int  # distinct correct ones that are kept of a problem at most
    temperature: float
    top_p: float
    max_tokens: int
    batch_size: int
    near_duplicate: float  # likeness of two traces of a problem from which on one is dropped
    noise: float  # share of the steps that the kind noisy makes wrong


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
class Range:
    low: float | None = None  # either both ends
    high: float | None = None
    log: bool = False  # whether equal ratios are equally far
    choices: list[Any] | None = None  # or the values


@dataclass(frozen=True)
class Tune:
    trials: int  # of each arm, the first with the study's own values
    model: str
    sample: str
    seed: int  # of every trial's training; of no run of a study
    probes: int | None  # procedural probe problems in domain that decide; null: problems.per_probe
    sft: dict[str, Range | None]  # what is searched of the section, for the arms that it trains; null: not searched
    rl: dict[str, Range | None]
    arms: dict[str, dict[str, Range | None]]  # arm -> what more, or otherwise, is searched of it
