"""Supervised fine-tuning: TRL's SFTTrainer on traces, the source's own or those of a trace set."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trl import SFTConfig, SFTTrainer

from counterpoint.params import Sft
from counterpoint.problem import Problem
from counterpoint.training import session as sessions
from counterpoint.training.data import dataset, gold
from counterpoint.training.engine import common_arguments, compact_head
from counterpoint.training.how import SUPERVISED, How
from counterpoint.training.packed_sft import PackedSFTTrainer
from counterpoint.training.resume import ExactResume


class Counting:
    """Mixin over an SFTTrainer, before it in the bases: counts the labelled tokens of each optimizer step."""

    labelled = 0

    def training_step(self, model, inputs, num_items_in_batch=None):
        self.labelled += int((inputs["labels"] != -100).sum())
        return super().training_step(model, inputs, num_items_in_batch)


class EndsEarly:
    """Mixin over a Trainer, before it in the bases: the learning rate follows the schedule of `whole` steps, however
    few are taken."""

    whole: int

    def create_scheduler(self, num_training_steps, optimizer=None):
        return super().create_scheduler(self.whole, optimizer)


class _Stock(EndsEarly, Counting, ExactResume, SFTTrainer):
    """TRL's own collation and forward pass."""

    stock_reason = "asked for"


class _Packed(EndsEarly, Counting, ExactResume, PackedSFTTrainer):
    """No padding, the head on labelled positions alone."""


TRAINERS = {"stock": _Stock, "shared": _Packed}


def train(
    model,
    processor,
    problems: Sequence[Problem],
    settings: Sft,
    instruction: str,
    seed: int,
    session: sessions.Session,
    how: How = SUPERVISED,
) -> dict[str, int | str | None]:
    """Fine-tune `model` in place; returns prompts_seen, updates, generated_tokens, trained_tokens, the engine that
    ran, and what `session.ending` says.

    The number of updates follows that of the problems, also where fewer (or more) of them have a trace to imitate:
    trace sets differ in their traces alone.
    """
    compact_head()
    rows, texts = (problems, gold(problems)) if how.demonstrations is None else how.imitated(problems)
    whole = math.ceil(settings.epochs * math.ceil(len(problems) / settings.batch_size))
    steps = max(1, round(whole * (settings.stop_at or 1)))
    arguments = SFTConfig(
        **common_arguments(settings, session, seed, steps, whole),
        per_device_train_batch_size=settings.batch_size,
        max_length=None,  # truncation would cut image tokens
        **how.method.arguments(how.options),
    )
    kind = how.extended(TRAINERS[settings.engine], problems, instruction, steps, processor)
    trainer = kind(
        model=model,
        args=arguments,
        train_dataset=dataset(rows, instruction, texts),
        processing_class=processor,
    )
    trainer.whole = whole

    def step_row(step: int, logs: dict) -> dict:
        tokens, trainer.labelled = trainer.labelled, 0
        return {
            "loss": logs["loss"],
            "learning_rate": logs.get("learning_rate"),
            "grad_norm": logs.get("grad_norm"),
            "entropy": logs.get("entropy"),
            "tokens": tokens,
        }

    watch = sessions.Watch(session, processor, step_row)
    trainer.add_callback(watch)
    ended = sessions.run(trainer, watch)
    updates = trainer.state.global_step
    epochs, rest = divmod(updates, math.ceil(len(rows) / settings.batch_size))
    seen = epochs * len(rows) + min(rest * settings.batch_size, len(rows))
    trained = sum(row["tokens"] for row in session.recorder.rows("steps"))
    return {
        "prompts_seen": seen,
        "updates": updates,
        "generated_tokens": 0,
        "trained_tokens": trained,
        "engine": "stock" if trainer.stock_reason else "shared",
        **ended,
    }
