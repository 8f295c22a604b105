"""The few plain objects that a report needs: runs, their groups over seeds, accuracies, probes, paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

METHODS = ("base", "sft", "rl", "sft_then_rl")
CORE = ("in_domain", "rule_shift", "visual_shift", "difficulty_shift", "text_twin")  # shown first and in the pictures


@dataclass(frozen=True)
class Run:
    """One base or training run."""

    run_id: str
    arm: str
    method: str
    model: str
    sample: str | None
    seed: int | None
    status: str | None
    parameters: int | None
    prompts_seen: int | None
    updates: int | None
    generated_tokens: int | None
    trained_tokens: int | None
    title: str  # for readers


@dataclass(frozen=True)
class Group:
    """The runs of one arm of a model on one sample, one a seed; or a base alone."""

    runs: tuple[Run, ...]

    @property
    def model(self) -> str:
        """The model's name."""
        return self.runs[0].model

    @property
    def method(self) -> str:
        """How it was trained."""
        return self.runs[0].method

    @property
    def plain(self) -> bool:
        """Whether it is its method's own arm, not a variant."""
        return self.runs[0].arm == self.method

    @property
    def name(self) -> str:
        """Arm and sample."""
        return "base" if self.method == "base" else f"{self.runs[0].arm} {self.runs[0].sample}"

    @property
    def title(self) -> str:
        """Model, arm and sample."""
        return f"{self.model} · {self.name}"


@dataclass(frozen=True)
class Cell:
    """Greedy accuracy of a run on a suite under a condition; `low` and `high` bound 95 %."""

    run_id: str
    suite: str
    condition: str
    n: int
    accuracy: float
    low: float
    high: float
    unparsed: float
    truncated: float
    majority: float


@dataclass(frozen=True)
class Point:
    """One probe: accuracy on held-out problems while training.

    Runs that earn a reward have Wilson bounds and the mean training reward since the probe before (None at step 0).
    """

    step: int
    suite: str
    decoding: str
    n: int
    accuracy: float
    low: float | None
    high: float | None
    reward: float | None


@dataclass(frozen=True)
class Term:
    """One reward term of a run: `series` is (step, weight × mean). `kind` is as in `term_kinds`, None where the term is
    unknown today; `strict` marks the strict judge."""

    name: str
    kind: str | None
    strict: bool
    weight: float
    series: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Pair:
    """Accuracy of `first` minus that of `second` on the same problems of a suite, a fraction, with 95 % bounds."""

    model: str
    suite: str
    first: Run
    second: Run
    n: int
    difference: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or −1 when the interval lies on one side of 0, else 0."""
        return (self.low > 0) - (self.high < 0)


@dataclass(frozen=True)
class Spread:
    """The mean of some values, one a seed, with the least and the greatest of them."""

    mean: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float | None]) -> Spread | None:
    """The spread of the values that are there; None when none is."""
    kept = [value for value in values if value is not None]
    return Spread(math.fsum(kept) / len(kept), min(kept), max(kept), len(kept)) if kept else None


def agreed(pairs: Sequence[Pair]) -> int:
    """1 or −1 when the interval of every pair lies on that side of 0, else 0."""
    signs = {pair.sign for pair in pairs}
    return signs.pop() if len(signs) == 1 else 0


@dataclass(frozen=True)
class Results:
    """What a study measured. Keys of the mappings are `run_id`s, or (run_id, suite, condition)."""

    study: str
    runs: list[Run]  # by model, then sample size, method and seed
    sizes: dict[str, int]  # sample that runs trained on -> problems, smallest first
    suites: list[str]
    cells: dict[tuple[str, str, str], Cell]
    rewards: dict[str, list[tuple[int, float]]]
    terms: dict[str, list[Term]]
    probes: dict[str, list[Point]]
    pairs: list[Pair]  # SFT against RL, seed by seed: equal samples, and the small one of the claims against the large
    gains: dict[tuple[str, str], Pair]  # (run_id, suite) -> a trained run against its base
    marts: dict[str, list[dict]]  # the rows of other marts, as they are

    @property
    def models(self) -> list[str]:
        """The models, smallest first."""
        return list(dict.fromkeys(run.model for run in self.runs))

    @property
    def trained(self) -> list[Run]:
        """The runs that trained."""
        return [run for run in self.runs if run.method != "base"]

    @property
    def groups(self) -> list[Group]:
        """The runs by model, arm and sample, in the order of `runs`."""
        found: dict[tuple, list[Run]] = {}
        for run in self.runs:
            found.setdefault((run.model, run.arm, run.method, run.sample), []).append(run)
        return [Group(tuple(runs)) for runs in found.values()]

    @property
    def seeds(self) -> list[int]:
        """The seeds of training."""
        return sorted({run.seed for run in self.trained if run.seed is not None})

    @property
    def core(self) -> list[str]:
        """The suites that come first: those of `CORE`, or the first five of a study that has none of them."""
        return [suite for suite in self.suites if suite in CORE] or self.suites[: len(CORE)]

    @property
    def main(self) -> str:
        """`in_domain`, or the first suite of a study without it."""
        return CORE[0] if CORE[0] in self.suites or not self.suites else self.suites[0]

    def base(self, model: str) -> Run | None:
        """The base of a model."""
        return next((run for run in self.runs if run.model == model and run.method == "base"), None)

    def cell(self, run: Run | None, suite: str, condition: str = "normal") -> Cell | None:
        """The accuracy of a run on a suite, if it was evaluated."""
        return self.cells.get((run.run_id, suite, condition)) if run else None

    def group_cells(self, group: Group, suite: str) -> list[Cell]:
        """The accuracy of each seed on a suite."""
        return [cell for run in group.runs if (cell := self.cell(run, suite))]

    def group_gains(self, group: Group, suite: str) -> list[Pair]:
        """Each seed's paired difference from the base."""
        return [pair for run in group.runs if (pair := self.gains.get((run.run_id, suite)))]

    def blind(self, model: str, suite: str) -> dict | None:
        """What the base of a model reaches on a suite, and what can be had there blind: a row of the mart `blind`."""
        return next((row for row in self.marts["blind"] if (row["model"], row["suite"]) == (model, suite)), None)

    def measurable(self, model: str, suite: str) -> bool | None:
        """Whether the base beats the majority answer and its blind baselines; None where that is not known."""
        row = self.blind(model, suite)
        return row["measurable"] if row else None

    @property
    def claimed(self) -> tuple[str | None, str | None]:
        """The small and the large sample that the claims are about."""
        named = {row["role"]: row["sample"] for row in self.marts["claimed"]}
        return named.get("small"), named.get("large")

    def compared(self) -> list[Pair]:
        """SFT on the small sample of the claims against RL on the large, the question of the study."""
        return [pair for pair in self.pairs if (pair.first.sample, pair.second.sample) == self.claimed]
