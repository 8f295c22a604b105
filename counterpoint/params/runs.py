"""The grid: the rules for it in params.yaml, and the runs and trace sets that follow (counterpoint/params/grid.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from counterpoint.params import grid
from counterpoint.params.values import LARGEST_SEED, section

# its range is checked with the runs, where a run can be named
Seed = Annotated[int, Field(json_schema_extra={"minimum": 0, "maximum": LARGEST_SEED})]


@section
class Block:
    arms: list[str] = Field(description="How its runs train. Keys of arms.")
    models: list[str] = Field(description="What they start from, or their arms' starts did. Keys of models.")
    samples: list[str] = Field(description="The problems that they learn from. Keys of sampling.sizes.")
    seeds: list[Seed] = Field(description="Of the order of problems, and of what is sampled.")


@section
class Line:
    arm: str = Field(description="How it trains. A key of arms.")
    model: str = Field(description="What it starts from, or its arm's start did. A key of models.")
    sample: str = Field(description="The problems that it learns from. A key of sampling.sizes.")
    seed: Seed = Field(description="Of the order of problems, and of what is sampled.")


@section
class Rules:
    base: list[str] = Field(description="Bases that are evaluated as they are. Keys of models.")
    train: list[Block | Line] = Field(
        description="What is trained: blocks of lists, every combination of which is a run, or one run a line."
    )


@dataclass(frozen=True)
class RunSpec:
    """A training run. `method`, `traces` (the trace set that it imitates) and `start` (the arm whose run it goes on
    from) follow from its arm; a run of an unknown arm has no method."""

    arm: str
    model: str
    sample: str
    seed: int
    method: str | None = None
    traces: str | None = None
    start: str | None = None

    @property
    def run_id(self) -> str:
        return grid.run_id(vars(self))


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
