"""The runs that earn a reward, with all that the tables say of whether it tells the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from counterpoint.report.results import Group, Point, Results, Run, Term

INVITES = {"accuracy": "verifier", "format": "format", "length": "length"}  # kind of a term -> how one games it
LAST = 3  # probes whose mean is where a run ended


@dataclass(frozen=True)
class Rewarded:
    """One run: its rows of `deceptive_rewards` by suite, of `reward_gap` and `verifier_audit` by step, its terms."""

    run: Run
    main: str  # the suite whose verdict is the run's own
    suites: dict[str, dict]
    gaps: list[dict]
    audit: list[dict]
    terms: list[Term]
    greedy: list[Point]  # on every suite, by suite and step

    @property
    def row(self) -> dict:
        """The run's own verdict."""
        return self.suites[self.main]

    @property
    def planted(self) -> bool:
        """Whether something else than the strict judge was made to decide the reward."""
        return self.row["honest"] is False

    @property
    def invites(self) -> str | None:
        """The mechanism that its heaviest term beside the strict judge invites; None where that pays by chance."""
        others = [term for term in self.terms if not term.strict and term.weight > 0]
        return INVITES.get(max(others, key=lambda term: term.weight).kind) if others else None

    @property
    def exploitable(self) -> bool:
        """Whether its reward has an exploit that training can find; pay by chance has none."""
        return self.planted and self.invites is not None

    def on(self, suite: str) -> list[Point]:
        """Its greedy probes on a suite."""
        return [point for point in self.greedy if point.suite == suite]

    def ends(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Reward and accuracy at the first probe, and their means over the last `LAST`; None where none has both."""
        reward = {gap["step"]: gap["reward"] for gap in self.gaps}
        both = [(reward[p.step], p.accuracy) for p in self.on(self.main) if reward.get(p.step) is not None]
        if not both:
            return None
        last = both[-LAST:]
        return both[0], tuple(math.fsum(pair[place] for pair in last) / len(last) for place in (0, 1))

    def accuracy_at(self, step: int | None) -> float | None:
        """Greedy accuracy on the main suite at a probe."""
        return next((point.accuracy for point in self.on(self.main) if point.step == step), None)


def rewarded(results: Results) -> list[Rewarded]:
    """Every run with a reward and probes, in the order of `results.runs`."""
    rows, gaps, audits = (
        _by_run(results.marts[name]) for name in ("deceptive_rewards", "reward_gap", "verifier_audit")
    )
    found = []
    for run in results.runs:
        if run.run_id not in rows:
            continue
        suites = {row["suite"]: row for row in rows[run.run_id]}
        main = results.main if results.main in suites else next(iter(suites))
        greedy = [point for point in results.probes[run.run_id] if point.decoding == "greedy"]
        more = (gaps.get(run.run_id, []), audits.get(run.run_id, []), results.terms.get(run.run_id, []), greedy)
        found.append(Rewarded(run, main, suites, *more))
    return found


def by_group(results: Results) -> list[tuple[Group, list[Rewarded]]]:
    """The same by model, arm and sample."""
    found = {one.run.run_id: one for one in rewarded(results)}
    groups = [(group, [found[run.run_id] for run in group.runs if run.run_id in found]) for group in results.groups]
    return [(group, mine) for group, mine in groups if mine]


def tenths(rows: Sequence[dict], value: Callable[[dict], float | None]) -> tuple[float | None, float | None]:
    """The mean of a value over the first and over the last tenth of the steps, of those that have it."""
    count = math.ceil(len(rows) / 10)
    return mean(map(value, rows[:count])), mean(map(value, rows[-count:] if count else ()))


def mean(values) -> float | None:
    """The mean of the values that are there; None when none is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _by_run(rows: list[dict]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["run_id"], []).append(row)
    return found
