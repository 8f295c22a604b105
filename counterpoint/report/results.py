"""The few plain objects that a report needs: runs, the runs of an arm over seeds, accuracies, probes, reward terms."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("base", "sft", "rl", "sft_then_rl")
CORE = ("in_domain", "rule_shift", "visual_shift", "difficulty_shift", "text_twin")  # shown first and in the pictures


@dataclass(frozen=True)
class RunRow:
    """One base or training run."""

    run_id: str
    arm: str
    method: str
    model: str
    sample: str | None
    seed: int | None
    status: str | None


@dataclass(frozen=True)
class ArmRuns:
    """The runs of one arm of a model on one sample, one a seed; or a base alone, whose sample is None."""

    model: str
    arm: str
    method: str
    sample: str | None
    runs: tuple[RunRow, ...]

    @property
    def plain(self) -> bool:
        """Whether it is its method's own arm, not a variant."""
        return self.arm == self.method

    @property
    def name(self) -> str:
        """Arm and sample."""
        return "base" if self.method == "base" else f"{self.arm} {self.sample}"

    @property
    def title(self) -> str:
        """Model, arm and sample."""
        return f"{self.model} · {self.name}"


@dataclass(frozen=True)
class Cell:
    """Greedy accuracy of a run on a suite under a condition; `low` and `high` bound 95 % (Wilson)."""

    run_id: str
    suite: str
    condition: str
    n: int
    accuracy: float
    low: float
    high: float
    majority: float


@dataclass(frozen=True)
class ProbePoint:
    """One probe: accuracy on held-out problems while training; Wilson bounds for runs that earn a reward."""

    step: int
    suite: str
    decoding: str
    accuracy: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Term:
    """One reward term of a run: `series` is (step, weight × mean). `kind` is as in `term_kinds`, None where the term is
    unknown today; `strict` marks the strict judge."""

    name: str
    kind: str | None
    strict: bool
    weight: float
    series: list[tuple[int, float]]


@dataclass(frozen=True)
class Results:
    """What a study measured. Keys of the mappings are `run_id`s, or (run_id, suite, condition)."""

    study: str
    runs: list[RunRow]  # by model, then sample size, method and seed
    sizes: dict[str, int]  # sample that runs trained on -> problems, smallest first
    suites: list[str]
    cells: dict[tuple[str, str, str], Cell]
    rewards: dict[str, list[tuple[int, float]]]
    terms: dict[str, list[Term]]
    probes: dict[str, list[ProbePoint]]
    marts: dict[str, list[dict]]  # the rows of marts, as they are

    @property
    def models(self) -> list[str]:
        """The models, smallest first."""
        return list(dict.fromkeys(run.model for run in self.runs))

    @property
    def arms(self) -> list[ArmRuns]:
        """The runs by model, arm and sample, in the order of `runs`."""
        by_arm: dict[tuple, list[RunRow]] = {}
        for run in self.runs:
            by_arm.setdefault((run.model, run.arm, run.method, run.sample), []).append(run)
        return [ArmRuns(*key, runs=tuple(runs)) for key, runs in by_arm.items()]

    @property
    def core(self) -> list[str]:
        """The suites that come first: those of `CORE`, or the first five of a study that has none of them."""
        return [suite for suite in self.suites if suite in CORE] or self.suites[: len(CORE)]

    @property
    def main(self) -> str:
        """`in_domain`, or the first suite of a study without it."""
        return CORE[0] if CORE[0] in self.suites or not self.suites else self.suites[0]

    def base(self, model: str) -> RunRow | None:
        """The base of a model."""
        return next((run for run in self.runs if run.model == model and run.method == "base"), None)

    def cell(self, run: RunRow | None, suite: str, condition: str = "normal") -> Cell | None:
        """The accuracy of a run on a suite, if it was evaluated."""
        return self.cells.get((run.run_id, suite, condition)) if run else None

    def arm_cells(self, arm: ArmRuns, suite: str) -> list[Cell]:
        """The accuracy of each seed of an arm on a suite."""
        return [cell for run in arm.runs if (cell := self.cell(run, suite))]

    def points(self, run: RunRow, suite: str, decoding: str = "greedy") -> list[ProbePoint]:
        """The probes of a run on a suite, by step."""
        return [p for p in self.probes.get(run.run_id, ()) if (p.suite, p.decoding) == (suite, decoding)]

    def measurable(self, model: str, suite: str) -> bool | None:
        """Whether the base beats the majority answer and its blind baselines; None where that is not known."""
        for row in self.marts["blind"]:
            if (row["model"], row["suite"]) == (model, suite):
                return row["measurable"]
        return None

    @property
    def claimed(self) -> tuple[str | None, str | None]:
        """The small and the large sample that the claims are about."""
        samples = {row["role"]: row["sample"] for row in self.marts["claimed"]}
        return samples.get("small"), samples.get("large")

    def on_claimed_sample(self, arm: ArmRuns) -> bool:
        """Whether an arm was trained on a sample of the claims."""
        return arm.method != "base" and arm.sample in self.claimed

    def representative(self, arm: ArmRuns) -> bool:
        """Whether an arm stands for the others where a study has many: the plain arm of SFT, of RL or of both in turn,
        on a sample of the claims."""
        return arm.plain and arm.method in METHODS and self.on_claimed_sample(arm)
