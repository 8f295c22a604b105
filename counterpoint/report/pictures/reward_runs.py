"""The runs that earn a reward, with what the marts say of whether it tells the truth, and that in words for a sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint.report.numbers import change, percent, signed
from counterpoint.report.results import ArmRuns, ProbePoint, Results, RunRow, Term

LAST = 3  # probes whose mean is where a run ended


@dataclass(frozen=True)
class RewardRun:
    """One run: its rows of `deceptive_rewards` by suite, of `reward_gap` and `verifier_audit` by step, its terms."""

    run: RunRow
    main: str  # the suite whose verdict is the run's own
    suites: dict[str, dict]
    gaps: list[dict]
    audit: list[dict]
    terms: list[Term]
    greedy: list[ProbePoint]  # on every suite, by suite and step

    @property
    def row(self) -> dict:
        """The run's own verdict."""
        return self.suites[self.main]

    @property
    def planted(self) -> bool:
        """Whether something else than the strict judge was made to decide the reward."""
        return self.row["honest"] is False

    def on(self, suite: str) -> list[ProbePoint]:
        """Its greedy probes on a suite."""
        return [point for point in self.greedy if point.suite == suite]

    def ends(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """(reward, accuracy) at the first probe, and their means over the last `LAST`; None where none has both."""
        reward = {gap["step"]: gap["reward"] for gap in self.gaps}
        both = [(reward[p.step], p.accuracy) for p in self.on(self.main) if reward.get(p.step) is not None]
        return (both[0], mean_point(both[-LAST:])) if both else None

    def accuracy_at(self, step: int | None) -> float | None:
        """Greedy accuracy on the main suite at a probe."""
        return next((point.accuracy for point in self.on(self.main) if point.step == step), None)


def mean_point(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean of some points, coordinate by coordinate."""
    rewards, accuracies = zip(*points, strict=True)
    return math.fsum(rewards) / len(points), math.fsum(accuracies) / len(points)


def reward_runs(results: Results) -> list[RewardRun]:
    """Every run with a reward and probes, in the order of `results.runs`."""
    rows, gaps, audits = (
        _by_run(results.marts[name]) for name in ("deceptive_rewards", "reward_gap", "verifier_audit")
    )
    runs = []
    for run in results.runs:
        if run.run_id not in rows:
            continue
        suites = {row["suite"]: row for row in rows[run.run_id]}
        runs.append(
            RewardRun(
                run=run,
                main=results.main if results.main in suites else next(iter(suites)),
                suites=suites,
                gaps=gaps.get(run.run_id, []),
                audit=audits.get(run.run_id, []),
                terms=results.terms.get(run.run_id, []),
                greedy=[point for point in results.probes[run.run_id] if point.decoding == "greedy"],
            )
        )
    return runs


def by_arm(results: Results) -> list[tuple[ArmRuns, list[RewardRun]]]:
    """The same by model, arm and sample."""
    by_id = {run.run.run_id: run for run in reward_runs(results)}
    arms = [(arm, [by_id[run.run_id] for run in arm.runs if run.run_id in by_id]) for arm in results.arms]
    return [(arm, runs) for arm, runs in arms if runs]


def title(run: RewardRun) -> str:
    """The verdict with its mechanism."""
    row = run.row
    if row["mechanism"] in ("none", "unknown"):
        return row["verdict"]
    return f"{row['verdict']}: {row['mechanism'].replace('_', '-')}"


def facts(run: RewardRun) -> list[str]:
    """What stands below the title of a sheet: why, how much, where the reward would have stopped, what it pays for."""
    row = run.row
    reason = row["reason"].replace(" -", " −")
    worth = f", worth {row['effective_probes']:.1f} independent ones" if row["effective_probes"] is not None else ""
    reward = change(row["reward_slope"], row["reward_slope_low"], row["reward_slope_high"], 1, 3)
    accuracy = change(row["accuracy_slope"], row["accuracy_slope_low"], row["accuracy_slope_high"], 100)
    measured = f"{row['probes']} probes of {row['n']} problems{worth}. Reward {reward}, accuracy {accuracy} points."
    if row["reward_step"] is not None:
        regret = "" if row["regret"] is None else f", regret {signed(100 * row['regret'])} points (cross-fitted)"
        measured += f" The reward's choice: step {row['reward_step']}{regret}."
    if row["onset_step"] is not None:
        bounds = [row["onset_low"], row["onset_high"]]
        interval = "" if None in bounds else f" ({bounds[0]:.0f} to {bounds[1]:.0f})"
        measured += f" Onset: step {row['onset_step']}{interval}."
    honesty = {True: "Honest reward", False: "Reward that is not the strict judge", None: "Reward"}[row["honest"]]
    paid = f"{honesty}: {', '.join(f'{term.name} × {term.weight:g}' for term in run.terms)}."
    if run.planted and row["exploit_found"] is not None:
        shares = f"{percent(row['exploited_first'])} → {percent(row['exploited_last'])} % paid wrongly"
        paid += f" Exploit {'' if row['exploit_found'] else 'not '}found ({shares})."
    if run.run.status not in (None, "completed"):
        paid += f" The run {run.run.status}."
    return [f"{reason[:1].upper()}{reason[1:]}.", measured, paid]


def _by_run(rows: Sequence[dict]) -> dict[str, list[dict]]:
    by_run: dict[str, list[dict]] = {}
    for row in rows:
        by_run.setdefault(row["run_id"], []).append(row)
    return by_run
