"""Saves and restores what a Trainer's checkpoint leaves out, so that a resumed run equals the uninterrupted one.

transformers 5.23 restores weights, optimizer, schedule, random state and its place in the data of a run that logs every
step (what is logged is gathered and emptied before a checkpoint is written). It does not restore, and this module does:

- weights of LLaVA-like models, whose checkpoint names `Trainer` does not map back (`load_weights`);
- the order of the data in TRL's GRPO: its sampler replays the first epoch's after a later one is resumed;
- the generation cycle of TRL's GRPO: a resumed run would generate anew in the middle of a cycle and then keep
  counting from there, so that some prompts are answered twice and others never;
- anything else that a trainer carries from step to step; it names these attributes in `saved_state`.
"""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from trl.trainer.utils import RepeatSampler

STATE = "resume.pt"


class EpochSampler(RepeatSampler):
    """TRL's sampler, reseeded each epoch."""

    def set_epoch(self, epoch: int) -> None:
        if self.shuffle:
            self.generator.manual_seed(self.seed + epoch)


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write what a trainer carries from step to step: tensors, plain values, and dicts, lists and tuples of them.

    Raises `TypeError` for anything else: what could not be read again without running code must not be saved.
    """
    torch.save(state, path)
    try:
        torch.load(path, weights_only=True)
    except UnpicklingError as error:
        reason = str(error).rpartition("WeightsUnpickler error: ")[2].split("\n")[0]
        raise TypeError(f"{', '.join(state)}: a value cannot be kept in a checkpoint: {reason}") from None


def load_weights(model, folder: str) -> None:
    """Load a whole model's checkpoint into `model`, every weight or an error.

    transformers saves LLaVA-like models under the hub's older names, which `Trainer` does not map back on resume: it
    warns, loads nothing and goes on from the weights it was given.
    """
    saved = type(model).from_pretrained(folder, dtype=model.dtype, use_safetensors=True)
    model.load_state_dict(saved.state_dict())


class ExactResume:
    """Mixin over a `transformers.Trainer`, before it in the bases: `saved_state` names the attributes that a checkpoint
    holds beside the Trainer's own.

    They are written before the checkpoint's manifest, with which it is complete, and read before training goes on.
    """

    saved_state: tuple[str, ...] = ()

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        if hasattr(self.model, "peft_config"):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            load_weights(self.model, resume_from_checkpoint)

    def _save_optimizer_and_scheduler(self, output_dir):
        super()._save_optimizer_and_scheduler(output_dir)
        save_state({name: getattr(self, name) for name in self.saved_state}, Path(output_dir) / STATE)

    def _load_optimizer_and_scheduler(self, checkpoint):
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            state = torch.load(Path(checkpoint) / STATE, map_location=self.accelerator.device, weights_only=True)
            for name, value in state.items():
                setattr(self, name, value)


class ExactCycle(ExactResume):
    """`ExactResume` over a `trl.GRPOTrainer` or a subclass: its data order, its place in a generation cycle, and the
    batches that the rest of the cycle learns from."""

    saved_state = ("_step", "_buffered_inputs")

    def _get_train_sampler(self, dataset=None):
        stock = super()._get_train_sampler(dataset)
        return EpochSampler(
            data_source=stock.data_source,
            mini_repeat_count=stock.mini_repeat_count,
            batch_size=stock.batch_size,
            repeat_count=stock.repeat_count,
            shuffle=stock.shuffle,
            seed=stock.seed,
        )

    def _save_optimizer_and_scheduler(self, output_dir):
        if self._step % (self.args.steps_per_generation * self.num_iterations) == 0:
            self._buffered_inputs = None  # learned from to the end; the next step generates
        super()._save_optimizer_and_scheduler(output_dir)
