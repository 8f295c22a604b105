"""What a Trainer forgets between a checkpoint and its resumption, kept: a resumed run equals the uninterrupted one.

transformers 5.23 restores weights, optimizer, schedule, random state and its place in the data of a run that logs every
step (what is logged is gathered and emptied before a checkpoint is written). It does not restore, and this module does:

- weights of LLaVA-like models, whose checkpoint names `Trainer` does not map back (`load_weights`);
- the order of the data in TRL's GRPO: its sampler replays the first epoch's after a later one is resumed;
- the generation cycle of TRL's GRPO: a resumed run would generate anew in the middle of a cycle and then keep
  counting from there, so that some prompts are answered twice and others never;
- whatever else a trainer carries from step to step and names in `saved_state`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from trl.trainer.utils import RepeatSampler

STATE, TENSORS = "resume.json", "resume.safetensors"
PLAIN = (type(None), bool, int, float, str)


class EpochSampler(RepeatSampler):
    """TRL's sampler, reseeded each epoch."""

    def set_epoch(self, epoch: int) -> None:
        if self.shuffle:
            self.generator.manual_seed(self.seed + epoch)


def pack(value: Any, tensors: dict[str, torch.Tensor], where: str) -> Any:
    """`value` as JSON whose tensors, of any shape and type, are put into `tensors` and named there.

    Raises `TypeError` naming the place `where` of anything but tensors, None, bool, int, float, str and dicts (with
    str keys), lists and tuples of them: what could not come back the same must not be saved.
    """
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)  # slices share one storage
        return {"tensor": name}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: pack(item, tensors, f"{where}.{key}") for key, item in value.items()}}
    if type(value) in (list, tuple):
        return {type(value).__name__: [pack(item, tensors, f"{where}[{i}]") for i, item in enumerate(value)]}
    if type(value) in PLAIN:
        return {"plain": value}
    raise TypeError(f"{where} cannot be kept in a checkpoint: it is a {type(value).__name__}")


def unpack(packed: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """What `pack` was given, its tensors taken from `tensors`."""
    ((kind, value),) = packed.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {key: unpack(item, tensors) for key, item in value.items()}
    if kind in ("list", "tuple"):
        items = [unpack(item, tensors) for item in value]
        return items if kind == "list" else tuple(items)
    return value


def load_weights(model, folder: str) -> None:
    """Load a whole model's checkpoint into `model`, every weight or an error.

    transformers saves LLaVA-like models under the hub's older names, which `Trainer` does not map back on resume: it
    warns, loads nothing and goes on from the weights it was given.
    """
    saved = type(model).from_pretrained(folder, dtype=model.dtype, use_safetensors=True)
    model.load_state_dict(saved.state_dict())


class ExactResume:
    """Mixin over a `transformers.Trainer`, before it in the bases: `saved_state` names the attributes that a checkpoint
    holds beside the Trainer's own, in safetensors and JSON.

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
        tensors: dict[str, torch.Tensor] = {}
        state = {name: pack(getattr(self, name), tensors, name) for name in self.saved_state}
        save_file(tensors, Path(output_dir) / TENSORS)
        (Path(output_dir) / STATE).write_text(json.dumps(state), encoding="utf-8")

    def _load_optimizer_and_scheduler(self, checkpoint):
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        device = self.accelerator.device
        # cloned: as views of one file they would lie elsewhere in memory than tensors that were computed
        tensors = {name: t.to(device).clone() for name, t in load_file(Path(checkpoint) / TENSORS).items()}
        for name, packed in json.loads((Path(checkpoint) / STATE).read_text(encoding="utf-8")).items():
            setattr(self, name, unpack(packed, tensors))


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
