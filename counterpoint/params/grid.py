"""The grid: which runs a study has, and the trace sets that they imitate."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import Field

from counterpoint.params.values import STAGES, Seed, section


@dataclasses.dataclass(frozen=True)  # checked where it is read alone: a line that is not yet checked must have a name
class Run:
    arm: Annotated[str, Field(description="How it trains. A key of arms.")]
    model: Annotated[str, Field(description="What it starts from, or its arm's start did. A key of models.")]
    sample: Annotated[str, Field(description="The problems that it learns from. A key of sampling.sizes.")]
    seed: Annotated[Seed, Field(description="Of the order of problems, and of what is sampled.")]
    method: Annotated[
        str | None, Field(description="The method of its arm. `make study` writes this and what follows.")
    ] = None
    traces: Annotated[str | None, Field(description="The trace set that it imitates. A key of traces.")] = None
    start: Annotated[str | None, Field(description="The arm that it starts from.")] = None

    @property
    def run_id(self) -> str:
        return f"{self.arm}-{self.model}-{self.sample}-{self.seed}"


@section
class BaseRun:
    model: str = Field(description="The base that is evaluated. A key of models.")


@section
class Runs:
    base: dict[str, BaseRun] = Field(description="Bases that are evaluated as they are. Called base-MODEL.")
    sft: dict[str, Run] = Field(description="Supervised fine-tuning. Called ARM-MODEL-SAMPLE-SEED, as all that train.")
    rl: dict[str, Run] = Field(description="Reinforcement learning.")
    sft_then_rl: dict[str, Run] = Field(description="RL that goes on from a run of SFT.")
    mixed: dict[str, Run] = Field(description="RL that reads traces too.")

    @property
    def trained(self) -> dict[str, Run]:
        """The training runs of all stages, by run_id."""
        return {run_id: run for stage in STAGES for run_id, run in getattr(self, stage).items()}


@section
class TraceSet:
    kind: str = Field(description="How its traces are made. A key of kinds.")
    model: str | None = Field(description="The student; null: the traces are made for none in particular.")
    sample: str = Field(description="The problems that it is about. A key of sampling.sizes.")
    seed: Seed = Field(description="Of what is drawn or sampled.")
    reads: str = Field(description="The folder of data/models that it needs: base, or the run that teaches.")
    teacher: str | None = Field(None, description="Who made them: base-MODEL or a run; null: they are written.")
