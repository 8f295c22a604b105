"""One trial: the values of a training run and what its probes said at the end, kept in a file of its folder."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from counterpoint import files
from counterpoint.training.records import read_lines

BEGUN, DONE, DIVERGED, FAILED = "begun", "done", "diverged", "failed"
FILE = "trial.json"
COUNTED = ("updates", "prompts_seen", "generated_tokens", "trained_tokens")


@dataclass(frozen=True)
class Trial:
    """`right`: a 1 or a 0 for each probe problem in the order of their ids, greedily answered after the last step;
    `before`: the share right before the first."""

    number: int
    values: dict[str, Any]
    state: str = BEGUN
    reason: str | None = None  # why it did not end well
    right: str = ""
    before: float | None = None
    seconds: float | None = None  # of its steps and probes
    totals: dict[str, int] = field(default_factory=dict)  # COUNTED, as in the table `runs`
    code_rev: str | None = None
    machine: str | None = None

    @property
    def n(self) -> int:
        return len(self.right)

    @property
    def correct(self) -> int:
        return self.right.count("1")

    @property
    def accuracy(self) -> float | None:
        """Greedy accuracy on the probes; None unless it is done."""
        return self.correct / self.n if self.state == DONE else None


def write(trial: Trial, folder: Path) -> None:
    """Keep a trial in its folder."""
    files.write_json(folder / FILE, dataclasses.asdict(trial))


def read(folder: Path) -> Trial | None:
    """The trial of a folder; None where there is none."""
    try:
        return Trial(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def diverged(work: Path) -> int | None:
    """The first step of the live records under `work` whose loss or gradient norm is no finite number.

    The norm is needed: transformers writes a loss of 0 for one that is not a number.
    """
    for path in sorted(work.rglob("records/steps.jsonl")):
        for row in read_lines(path)[0]:
            if not all(math.isfinite(row[key]) for key in ("loss", "grad_norm") if row.get(key) is not None):
                return row["step"]
    return None


def measured(trial: Trial, published: Path, suite: str, provenance: dict[str, str]) -> Trial:
    """The trial as done, with what its run published: run.json, probe_items and timings."""
    items = pq.read_table(
        published / "probe_items.parquet",
        columns=["step", "problem_id", "correct"],
        filters=[("suite", "=", suite), ("decoding", "=", "greedy"), ("condition", "=", "normal")],
    ).to_pylist()
    last, first = max(row["step"] for row in items), [row["correct"] for row in items if row["step"] == 0]
    at_end = sorted((row["problem_id"], row["correct"]) for row in items if row["step"] == last)
    timings = pq.read_table(published / "timings.parquet", columns=["step", "phase", "seconds"]).to_pylist()
    run = json.loads((published / "run.json").read_text(encoding="utf-8"))
    return dataclasses.replace(
        trial,
        state=DONE,
        right="".join("1" if correct else "0" for _, correct in at_end),
        before=sum(first) / len(first),
        seconds=math.fsum(row["seconds"] for row in timings if row["phase"] in ("step", "probe")),
        totals={key: run[key] for key in COUNTED},
        **provenance,
    )
