"""Runs that are killed: what they leave when they come to their end, and what is not the same to the bit."""

from __future__ import annotations

from collections import Counter

import torch
from transformers import TrainerCallback


class Killed(BaseException):
    """Ends a run where a kill would; nothing catches it."""


class Kill(TrainerCallback):
    def __init__(self, step: int):
        self.step = step

    def on_log(self, args, state, control, **_):
        if state.global_step == self.step:
            raise Killed


def killed_and_resumed(go, work, deaths: list[int]):
    """`go(work, before)` killed when each of these steps is recorded and not yet saved, then to its end."""
    for step in deaths:
        try:
            go(work, lambda trainer, step=step: trainer.add_callback(Kill(step)))
        except Killed:
            continue
        raise AssertionError(f"not killed at step {step}")
    return go(work)


def differing(one, other) -> list[str]:
    """What two runs did not leave the same: weights, optimizer, records but for times, totals."""
    found = [name for name, value in one.weights.items() if not torch.equal(value, other.weights[name])]
    mine, others = (run.trainer.optimizer.state_dict()["state"] for run in (one, other))
    found += [f"{place} {name}" for place, state in mine.items() for name, value in state.items()
              if not torch.equal(torch.as_tensor(value), torch.as_tensor(others[place][name]))]  # fmt: skip
    found += [name for name in ("steps", "completions") if one.tables[name] != other.tables[name]]
    timed = [
        Counter((row["phase"], row["step"]) for row in run.tables["timings"] if row["step"]) for run in (one, other)
    ]
    return found + ["timings"] * (timed[0] != timed[1]) + ["totals"] * (one.totals != other.totals)
