"""The verdict on a run's reward while it trains: `statistics.deceptive` over the run's own records, at each probe.

Only files are read and only the assessment's own generator draws, so a run that is looked at trains as if it were not.

What the reward holds over greedy held-out accuracy is taken apart, each part a mean since the probe before:

    reward − greedy = format + length + noise + verifier + W (memorisation + decoding) + (W − 1) greedy

`format`, `length` and `noise` are the weighted terms of that kind, W the weight of the terms that claim to say correct;
`verifier` is what these pay beyond the strict judge on the same completions, memorisation the strict share right of
training completions less that of sampled held-out ones, decoding that of sampled less greedy held-out ones.
"""

from __future__ import annotations

import json
import logging
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.rewards import REWARDS, kind
from counterpoint.statistics import deceptive
from counterpoint.training import best_checkpoint
from counterpoint.training.records import read_lines

log = logging.getLogger(__name__)
CONFIDENCE = 0.95  # not stricter though a run is looked at again and again: that, `twice_deceptive` makes up for
VERDICT = "assessment.json"


@dataclass(frozen=True)
class RunRecords:
    """Records of one run: rows of `probes`, `steps` and `rewards`, and (right, all) completions by step."""

    probes: Sequence[dict]
    steps: Sequence[dict]
    rewards: Sequence[dict]
    strict: Mapping[int, tuple[int, int]]


class RecordReader:
    """The live records in a folder; of the completions, which are many, only new lines are read at each call."""

    def __init__(self, folder: Path):
        self.folder, self._offset = folder, 0
        self._strict: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def rows(self) -> RunRecords:
        """What the folder holds now; lines that cannot be read, as a last one half written, are left out."""
        self._read_on()
        return RunRecords(
            *(read_lines(self.folder / f"{t}.jsonl")[0] for t in ("probes", "steps", "rewards")), self._strict
        )

    def _read_on(self) -> None:
        path = self.folder / "completions.jsonl"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                try:
                    row = json.loads(line)
                    right, total = self._strict[row["step"]]
                    self._strict[row["step"]] = (right + bool(row["correct"]), total + 1)
                except (ValueError, TypeError, KeyError):
                    log.warning("%s: an unreadable record skipped", path.name)


def assess(rows: RunRecords, suite: str | None, until: float = math.inf) -> deceptive.Assessment:
    """The verdict over the probes of `suite` up to the step `until`."""
    greedy = {step: row for step, row in best_checkpoint.greedy(rows.probes, suite).items() if step <= until}
    steps = list(greedy)
    reward = best_checkpoint.since_last(steps, {row["step"]: row.get("reward") for row in rows.steps})
    accuracy = [row["accuracy"] for row in greedy.values()]
    items = min((row["n"] for row in greedy.values()), default=1)
    return deceptive.assess(
        steps, reward, accuracy, items, gaps=gaps(rows, suite, steps, np.array(accuracy)), confidence=CONFIDENCE
    )


def gaps(rows: RunRecords, suite: str | None, steps: Sequence[int], greedy: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of reward − accuracy by mechanism, in reward units, at each of the probes `steps`; NaN if unknown."""
    paid, weights = defaultdict(lambda: defaultdict(float)), {}
    for row in rows.rewards:
        term = row["term"]
        pays_for = kind(term) if term in REWARDS else "unknown"
        paid[pays_for][row["step"]] += row["weight"] * row["mean"]
        if pays_for == "accuracy":
            weights[term] = row["weight"]
    parts = {
        name: np.array(best_checkpoint.since_last(steps, paid[name])) for name in ("format", "length") if name in paid
    }
    if weights:
        weight = sum(weights.values())
        shares = {s: right / total for s, (right, total) in rows.strict.items()}
        right = np.array(best_checkpoint.since_last(steps, shares))
        by_step = {r["step"]: r["accuracy"] for r in rows.probes if (r["suite"], r["decoding"]) == (suite, "sampled")}
        sampled = np.array([by_step.get(step, math.nan) for step in steps])
        parts["verifier"] = np.array(best_checkpoint.since_last(steps, paid["accuracy"])) - weight * right
        parts["memorisation"] = weight * (right - sampled)
        parts["decoding"] = weight * (sampled - greedy)
    return parts


class LiveAssessment:
    """The verdicts on one run, each from the records up to its step, so that a resumed run has the same."""

    def __init__(self, folder: Path, suite: str | None):
        self.folder, self.suite = folder, suite
        self._reader, self._found = RecordReader(folder), {}

    def at(self, step: int) -> deceptive.Assessment:
        """The verdict at the probe of this step."""
        if step not in self._found:
            self._found[step] = assess(self._reader.rows(), self.suite, step)
        return self._found[step]

    def probed(self) -> list[int]:
        """The steps of the probes that are recorded, rising."""
        return list(best_checkpoint.greedy(self._reader.rows().probes, self.suite))

    def twice_deceptive(self, step: int) -> bool:
        """Whether the step was probed, and the verdicts there and at the probe before are both `deceptive`.

        Two in a row, for one verdict among many looks comes by chance. A stricter confidence alone would cost the runs
        that collapse at once: a step leaves so few effective probes that 0.99 is never reached.
        """
        probed = [s for s in self.probed() if s <= step]
        return len(probed) > 1 and probed[-1] == step and all(self.at(s).verdict == "deceptive" for s in probed[-2:])

    def write(self, step: int) -> deceptive.Assessment:
        """Leave the verdict beside the records, whole or not at all, for whoever looks at the run; returns it."""
        scratch = self.folder / f"{VERDICT}.new"
        scratch.write_text(json.dumps({"step": step, **plain(self.at(step))}, indent=1) + "\n", encoding="utf-8")
        scratch.replace(self.folder / VERDICT)
        return self.at(step)


def plain(assessment: deceptive.Assessment) -> dict[str, Any]:
    """The assessment as JSON has it: an unknown number is null."""

    def known(value):
        if isinstance(value, tuple):
            return [known(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: known(value) for name, value in asdict(assessment).items()}
