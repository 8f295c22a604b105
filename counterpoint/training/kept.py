"""The weights of a run's best probe so far, kept in its work folder until a checkpoint knows of better ones.

One safetensors file, named by its step, of what training changes: of a LoRA run the adapters alone.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

FOLDER = "best"


def learned(model) -> dict[str, torch.Tensor]:
    """The tensors of the model's state that training can change: what it learns and what it counts, tied ones once."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return {name: t for name, t in model.state_dict().items() if name in trained or name not in parameters}


def keep(model, work: Path, step: int) -> None:
    """Write what the model has learned by `step`, whole or not at all."""
    folder = work / FOLDER
    folder.mkdir(exist_ok=True)
    scratch = folder / f"{step}.new"
    save_file({name: t.detach().contiguous().clone() for name, t in learned(model).items()}, scratch)
    scratch.replace(folder / f"{step}.safetensors")


def drop_others(work: Path, step: int | None) -> None:
    """Remove all kept weights but those of `step`."""
    for path in (work / FOLDER).glob("*"):
        if path.name != f"{step}.safetensors":
            path.unlink()


def restore(model, work: Path, step: int) -> None:
    """Give the model what it had learned by `step`."""
    kept = load_file(work / FOLDER / f"{step}.safetensors")
    with torch.no_grad():
        for name, tensor in learned(model).items():
            tensor.copy_(kept[name])
