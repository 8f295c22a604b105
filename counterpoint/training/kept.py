"""The weights of a run's best probe so far, kept in its work folder as long as a checkpoint knows of them.

One safetensors file, named by its step, of what training changes: of a LoRA run the adapters alone. `best` is what a
checkpoint's manifest tells of it: the file's name in the work folder and its digest.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from counterpoint.models import manifest

FOLDER = "best"


def learned(model) -> dict[str, torch.Tensor]:
    """The tensors of the model's state that training can change: what it learns and what it counts, tied ones once."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return {name: t for name, t in model.state_dict().items() if name in trained or name not in parameters}


def keep(model, work: Path, step: int) -> dict[str, str]:
    """Write what the model has learned by `step`, whole or not at all; `best`."""
    folder = work / FOLDER
    folder.mkdir(exist_ok=True)
    scratch, kept = folder / f"{step}.new", f"{FOLDER}/{step}.safetensors"
    save_file({name: t.detach().contiguous().clone() for name, t in learned(model).items()}, scratch)
    best = {kept: manifest.file_digest(scratch)}
    manifest.sync(scratch)
    scratch.replace(work / kept)
    return best


def drop_others(work: Path) -> None:
    """Remove all kept weights but those that a checkpoint knows of: any of them may be gone on from."""
    known: set[str] = set()
    for checkpoint in manifest.checkpoints(work):
        with suppress(manifest.Broken):
            known |= manifest.read(checkpoint)["best"].keys()
    for path in (work / FOLDER).glob("*"):
        if f"{FOLDER}/{path.name}" not in known:
            path.unlink()


def restore(model, work: Path, best: dict[str, str]) -> None:
    """Give the model what it had learned when `best` was kept. Raises `manifest.Broken` when the file has changed."""
    manifest.check(work, best)
    (name,) = best
    kept = load_file(work / name)
    with torch.no_grad():
        for name, tensor in learned(model).items():
            tensor.copy_(kept[name])
