"""What a run leaves, to the bit, and accuracies that make the best of its probes another than the last."""

from collections import Counter

import torch

from counterpoint.models import manifest
from counterpoint.training import best_checkpoint


def ups_and_downs(probes, suite, real=best_checkpoint.greedy) -> dict[int, dict]:
    """The probes' rows with accuracies that are highest at step 6 of SFT and 14 of RL, and better at each before."""
    return {step: {**row, "accuracy": step * 7 % 11 / 11} for step, row in real(probes, suite).items()}


def outcome(result, work) -> dict:
    """All that a run leaves but for times: weights, last checkpoint and records, as one flat mapping."""
    found = {f"weights {key}": value for key, value in result.weights.items()}
    last, _ = manifest.newest(work)
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "resume.pt"):
        found |= flat(torch.load(last / name, weights_only=False), name)
    found["kept"] = " ".join(path.name for path in (work / best_checkpoint.FOLDER).glob("*"))
    tables = dict(result.tables)
    timings = tables.pop("timings")  # one of the whole run for each time that it came to its end, the others once
    found["timed"] = Counter((row["phase"], row["step"]) for row in timings if row["step"] is not None)
    return {**found, "last": last.name, "totals": result.totals, **flat(tables, "")}


def flat(value, key: str) -> dict:
    """The leaves of nested mappings and sequences; arrays as tensors."""
    if isinstance(value, dict):
        return {k: v for name, item in value.items() for k, v in flat(item, f"{key} {name}").items()}
    if isinstance(value, list | tuple):
        return {k: v for i, item in enumerate(value) for k, v in flat(item, f"{key} {i}").items()}
    return {key: value if isinstance(value, str | int | float | torch.Tensor | None) else torch.tensor(value)}


def differing(one: dict, other: dict) -> list[str]:
    """What is not the same to the bit."""

    def equal(a, b):
        return torch.equal(a, b) and a.dtype == b.dtype if isinstance(a, torch.Tensor) else a == b

    assert one.keys() == other.keys()
    return [key for key in one if not equal(one[key], other[key])]
