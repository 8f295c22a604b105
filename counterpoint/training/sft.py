"""Supervised fine-tuning: TRL's SFTTrainer on traces, the source's own or those of a trace set."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trl import SFTConfig, SFTTrainer

from counterpoint.methods import ConfiguredMethod
from counterpoint.params import Sft
from counterpoint.problem import Problem
from counterpoint.training import session as sessions
from counterpoint.training.arguments import common_arguments, use_compact_head
from counterpoint.training.data import dataset, gold
from counterpoint.training.packed_sft import PackedSFTTrainer
from counterpoint.training.resume import ExactResume


class SftRun(ExactResume):
    """Mixin over an SFTTrainer, before it in the bases: counts labelled tokens, and follows the schedule of
    `schedule_steps` optimizer steps, however few are taken."""

    schedule_steps: int
    tokens = 0  # that carried a loss since the last step's record

    def training_step(self, model, inputs, num_items_in_batch=None):
        self.tokens += int((inputs["labels"] != -100).sum())
        return super().training_step(model, inputs, num_items_in_batch)

    def create_scheduler(self, num_training_steps, optimizer=None):
        return super().create_scheduler(self.schedule_steps, optimizer)


class StockSft(SftRun, SFTTrainer):
    """TRL's own collation and forward pass."""

    stock_reason = "asked for"


class PackedSft(SftRun, PackedSFTTrainer):
    """No padding, the head on labelled positions alone."""


TRAINERS = {"stock": StockSft, "shared": PackedSft}


def train(
    model, processor, problems: Sequence[Problem], settings: Sft, method: ConfiguredMethod, session: sessions.Session
) -> dict[str, int | str | None]:
    """Fine-tune `model` in place; returns prompts_seen, generated_tokens, and what `session.run` says.

    The number of updates follows that of the problems, also where fewer (or more) of them have a trace to imitate:
    trace sets differ in their traces alone.
    """
    use_compact_head()
    rows, texts = (problems, gold(problems)) if method.demonstrations is None else method.imitated(problems)
    schedule_steps = math.ceil(settings.epochs * math.ceil(len(problems) / settings.batch_size))
    steps = max(1, round(schedule_steps * (settings.stop_at or 1)))
    arguments = SFTConfig(
        **common_arguments(settings, session, steps, schedule_steps),
        per_device_train_batch_size=settings.batch_size,
        max_length=None,  # truncation would cut image tokens
        **method.method.arguments(method.options),
    )
    instruction = session.probe.instruction
    trainer = method.method.extend(TRAINERS[settings.engine], method.options, steps)(
        model=model,
        args=arguments,
        train_dataset=dataset(rows, instruction, texts),
        processing_class=processor,
    )
    trainer.schedule_steps = schedule_steps
    totals = sessions.run(trainer, session)
    epochs, rest = divmod(totals["updates"], math.ceil(len(rows) / settings.batch_size))
    seen = epochs * len(rows) + min(rest * settings.batch_size, len(rows))
    return {"prompts_seen": seen, "generated_tokens": 0, **totals}
