"""What values in params.yaml may be: ranges and choices that several sections share, and how strictly all are read."""

from __future__ import annotations

import functools
from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from counterpoint.params.typed import EXACT

# the decorator of every section: a dataclass whose values are checked, also where code makes or replaces one
section = functools.partial(dataclass, frozen=True, config=EXACT)

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
LARGEST_SEED = 2**32 - 1  # of NumPy's global generator, which training seeds
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Above0 = Annotated[float, Field(gt=0)]
AtLeast0 = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PartOf1 = Annotated[float, Field(gt=0, le=1)]

Loss = Literal["grpo", "dapo", "dr_grpo", "bnpo"]
Way = Literal["oracle", "answer_only", "foreign", "noisy", "sampled"]
Condition = Literal["normal", "no_image", "shuffled_image"]
Checkpoint = Literal["last", "best"]
Behaviour = Literal["list", "empty", "anywhere", "target"]
# the names of transformers' SchedulerType that run at any learning rate and warmup without arguments of their own
Schedule = Literal["linear", "cosine", "cosine_with_restarts", "constant", "constant_with_warmup", "inverse_sqrt"]
Scaling = Literal["group", "batch", "none"]  # what TRL's GRPOConfig takes
Engine = Literal["shared", "stock"]

LOSS_TYPES = get_args(Loss)
WAYS = get_args(Way)  # of making traces (counterpoint/distill)
CONDITIONS = get_args(Condition)
BLIND = CONDITIONS[1:]
CHECKPOINTS = get_args(Checkpoint)
BEHAVIOURS = get_args(Behaviour)
SCHEDULES = get_args(Schedule)

STAGES = ("sft", "rl", "sft_then_rl", "mixed")  # of methods, by what goes into their training
