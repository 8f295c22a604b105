"""Which checkpoint a run publishes: its last weights, or those of its best probe, which are kept while it trains.

The best probe is the earliest of those with the highest greedy accuracy in domain. A suite that tests has no say in it.
The weights of the best probe so far are one safetensors file in the work folder, named by its step. It holds what
training changes: of a LoRA run the adapters alone. It is kept as long as a checkpoint refers to it: `best` in a
checkpoint's manifest is the file's name in the work folder and its digest. Torch is imported when weights are handled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from counterpoint.models import manifest
from counterpoint.statistics.reward_parts import since_last

IN_DOMAIN = "in_domain"
FOLDER = "best"


def deciding_suite(suites: Sequence[str]) -> str | None:
    """The suite whose probes decide: `in_domain`, or the first where that is not probed; None without any."""
    return IN_DOMAIN if IN_DOMAIN in suites else next(iter(suites), None)


def greedy(probes: Iterable[dict], suite: str | None) -> dict[int, dict]:
    """The rows of the table `probes` that decide, by step."""
    decide = {"suite": suite, "condition": "normal", "decoding": "greedy"}
    rows = [row for row in probes if all(row[key] == value for key, value in decide.items())]
    return {row["step"]: row for row in sorted(rows, key=lambda row: row["step"])}


def best_step(probes: Iterable[dict], suite: str | None) -> int | None:
    """The earliest step of the highest greedy accuracy on `suite`; None without probes of it."""
    return highest({step: row["accuracy"] for step, row in greedy(probes, suite).items()})


def recorded(steps: Iterable[dict], column: str) -> dict[int, float]:
    """A column of the table `steps` by step, rising, where it has a value."""
    rows = sorted(steps, key=lambda row: row["step"])
    return {row["step"]: row[column] for row in rows if row.get(column) is not None}


def reward_step(probes: Iterable[dict], steps: Iterable[dict], suite: str | None) -> int | None:
    """The earliest probe of the highest training reward, as `since_last` gives it; None where no step has a reward."""
    probed = list(greedy(probes, suite))
    rewards = since_last(probed, recorded(steps, "reward")).tolist()
    return highest(dict(zip(probed, rewards, strict=True)))


def highest(values: Mapping[int, float]) -> int | None:
    """The smallest key of the largest value; NaN has no part in it."""
    return min(
        (step for step, value in values.items() if not math.isnan(value)),
        key=lambda step: (-values[step], step),
        default=None,
    )


def learned_state(model) -> dict:
    """The tensors of the model's state that training can change, by name: what it learns and its buffers.

    Tied parameters occur once.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return {name: t for name, t in model.state_dict().items() if name in trained or name not in parameters}


def keep_weights(model, work: Path, step: int) -> dict[str, str]:
    """Write what the model has learned by `step`, whole or not at all; returns `best`."""
    from safetensors.torch import save_file

    folder = work / FOLDER
    folder.mkdir(exist_ok=True)
    scratch, name = folder / f"{step}.new", f"{FOLDER}/{step}.safetensors"
    save_file({key: t.detach().contiguous().clone() for key, t in learned_state(model).items()}, scratch)
    best = {name: manifest.file_digest(scratch)}
    manifest.sync(scratch)
    scratch.replace(work / name)
    return best


def drop_unused_weights(work: Path) -> None:
    """Remove all kept weights but those that a checkpoint refers to: a run may resume from any of them."""
    used: set[str] = set()
    for checkpoint in manifest.checkpoints(work):
        with suppress(manifest.Broken):
            used |= manifest.read(checkpoint)["best"].keys()
    for path in (work / FOLDER).glob("*"):
        if f"{FOLDER}/{path.name}" not in used:
            path.unlink()


def restore_weights(model, work: Path, best: dict[str, str]) -> None:
    """Give the model what it had learned when `best` was kept. Raises `manifest.Broken` when the file has changed."""
    import torch
    from safetensors.torch import load_file

    manifest.check(work, best)
    (file,) = best
    weights = load_file(work / file)
    with torch.no_grad():
        for name, tensor in learned_state(model).items():
            tensor.copy_(weights[name])
