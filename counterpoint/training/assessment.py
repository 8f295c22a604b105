"""The verdict on a run's reward while it trains: `statistics.deceptive` over the run's own records, at each probe.

Only files are read and only the assessment's own generator draws, so a run that is looked at trains as if it were not.

Reward minus greedy held-out accuracy is split into parts, each a mean over the steps since the last probe:

    reward − greedy = format + length + noise + verifier + W (memorisation + decoding) + (W − 1) greedy

`format`, `length` and `noise` are the weighted terms of that kind, W the weight of the terms that claim to say correct;
`verifier` is what these pay beyond the strict judge on the same completions, memorisation the strict share right of
training completions less that of sampled held-out ones, decoding that of sampled less greedy held-out ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.files import write_json
from counterpoint.rewards import REWARDS, kind
from counterpoint.statistics import deceptive
from counterpoint.statistics.reward_parts import accuracy_parts, since_last
from counterpoint.training import best_checkpoint
from counterpoint.training.records import read_lines

CONFIDENCE = 0.95  # not stricter though a run is looked at again and again: that, `twice_deceptive` makes up for
VERDICT = "assessment.json"
LINES = (
    "read_json(?, format = 'newline_delimited', columns = {step: 'bigint', correct: 'boolean'}, ignore_errors = true)"
)


@dataclass(frozen=True)
class RunRecords:
    """Records of one run: rows of `probes`, `steps` and `rewards`, and by step (right, all) completions."""

    probes: Sequence[dict]
    steps: Sequence[dict]
    rewards: Sequence[dict]
    strict: Mapping[int, tuple[int, int]]


def read_records(folder: Path) -> RunRecords:
    """The live records in a folder; lines that cannot be read, as a last one half written, are left out."""
    probes, steps, rewards = (read_lines(folder / f"{table}.jsonl")[0] for table in ("probes", "steps", "rewards"))
    completions = folder / "completions.jsonl"
    return RunRecords(probes, steps, rewards, strict_answers(completions) if completions.exists() else {})


def strict_answers(completions: Path) -> dict[int, tuple[int, int]]:
    """By step, how many completions the strict judge calls right and how many there are.

    completions: the table of that name, as Parquet or as JSON lines.
    """
    import duckdb  # when a reward is assessed, and not by every program that trains

    reader = "read_parquet(?)" if completions.suffix == ".parquet" else LINES
    query = f"select step, count(*) filter (correct), count(*) from {reader} where correct is not null group by step"
    with duckdb.connect() as db:
        return {step: (right, total) for step, right, total in db.execute(query, [str(completions)]).fetchall()}


def assess(rows: RunRecords, suite: str | None, until: float = math.inf) -> deceptive.Assessment:
    """The verdict over the probes of `suite` up to the step `until`."""
    greedy = {step: row for step, row in best_checkpoint.greedy(rows.probes, suite).items() if step <= until}
    steps = list(greedy)
    reward = since_last(steps, best_checkpoint.recorded(rows.steps, "reward"))
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
    means = {name: since_last(steps, dict(sorted(by_step.items()))) for name, by_step in paid.items()}
    parts = {name: means[name] for name in ("format", "length") if name in means}
    if weights:
        strict = since_last(steps, {step: right / total for step, (right, total) in sorted(rows.strict.items())})
        by_step = {r["step"]: r["accuracy"] for r in rows.probes if (r["suite"], r["decoding"]) == (suite, "sampled")}
        sampled = np.array([by_step.get(step, math.nan) for step in steps])
        parts |= accuracy_parts(sum(weights.values()), means["accuracy"], greedy, strict=strict, sampled=sampled)
    return parts


class Verdicts:
    """The verdicts on one run while it trains, each from what was known at its step: a resumed run has the same.

    probed: gives the steps of the probes so far, rising. assess: gives the verdict over the probes up to a step. file:
    where `write` leaves it. Runs of a study and `counterpoint.audit.TruthCallback` are judged and stopped by this code.
    """

    def __init__(
        self, probed: Callable[[], list[int]], assess: Callable[[int], deceptive.Assessment], file: Path | None
    ):
        self.probed, self.file, self._assess = probed, file, assess
        self._verdicts: dict[int, deceptive.Assessment] = {}

    def at(self, step: int) -> deceptive.Assessment:
        """The verdict at the probe of this step."""
        if step not in self._verdicts:
            self._verdicts[step] = self._assess(step)
        return self._verdicts[step]

    def change(self, step: int) -> str | None:
        """One line on the verdict at this probe where it is another than at the probe before; None where it is not."""
        before = [s for s in self.probed() if s < step]
        assessed = self.at(step)
        if assessed.verdict == (self.at(before[-1]).verdict if before else "inconclusive"):
            return None
        cause = "" if assessed.mechanism in ("none", "unknown") else f" ({assessed.mechanism})"
        return f"step {step} reward: {assessed.verdict}{cause}: {assessed.reason}"

    def twice_deceptive(self, step: int) -> bool:
        """Whether the step was probed, and the verdicts there and at the probe before are both `deceptive`.

        Two in a row, for one verdict among many looks comes by chance. A stricter confidence alone would cost the runs
        that collapse at once: a step leaves so few effective probes that 0.99 is never reached.
        """
        probed = [s for s in self.probed() if s <= step]
        return len(probed) > 1 and probed[-1] == step and all(self.at(s).verdict == "deceptive" for s in probed[-2:])

    def write(self, step: int) -> deceptive.Assessment:
        """Write the verdict as JSON, whole or not at all; returns it."""
        write_json(self.file, {"step": step, **plain(self.at(step))})
        return self.at(step)


class LiveAssessment(Verdicts):
    """Those on a run of a study, from its live records in a folder."""

    def __init__(self, folder: Path, suite: str | None):
        def probed() -> list[int]:
            return list(best_checkpoint.greedy(read_lines(folder / "probes.jsonl")[0], suite))

        super().__init__(probed, lambda step: assess(read_records(folder), suite, step), folder / VERDICT)


def plain(assessment: deceptive.Assessment) -> dict[str, Any]:
    """The assessment as JSON has it: an unknown number is null."""

    def finite(value):
        if isinstance(value, tuple):
            return [finite(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: finite(value) for name, value in asdict(assessment).items()}
