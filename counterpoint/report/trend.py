"""What a run's reward did from its first to its last quarter, and its held-out accuracy from first to last probe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint.report.numbers import Mean, outer_quarters, spearman
from counterpoint.report.results import Group, Point, Results, Run, spread

ROSE, FELL, ALIKE = "rose", "fell", "not told apart"


@dataclass(frozen=True)
class Trend:
    """`rewards`: the training reward in the first and the last quarter of the optimizer steps, None for a short run.

    `correlation` (Spearman's, None under 3 points) is over the probes, with the mean reward of the steps since the
    probe before; it describes these few points, and trending series correlate by themselves.
    """

    run: Run
    suite: str
    decoding: str
    rewards: tuple[Mean, Mean] | None
    start: Point
    end: Point
    points: int
    correlation: float | None


@dataclass(frozen=True)
class Course:
    """The trends of an arm's seeds."""

    group: Group
    trends: tuple[Trend, ...]

    @property
    def reward(self) -> tuple[float, float] | None:
        """The reward's mean over the seeds, first and last quarter; None when no run was long enough."""
        kept = [trend.rewards for trend in self.trends if trend.rewards]
        return tuple(spread([both[i].mean for both in kept]).mean for i in (0, 1)) if kept else None

    @property
    def accuracy(self) -> tuple[float, float]:
        """Accuracy's mean over the seeds, first and last probe."""
        return tuple(
            spread([point.accuracy for point in points]).mean
            for points in ([t.start for t in self.trends], [t.end for t in self.trends])
        )

    @property
    def reward_ways(self) -> list[str]:
        """What the reward of each seed did, of those that were long enough."""
        return [way(*trend.rewards) for trend in self.trends if trend.rewards]

    @property
    def accuracy_ways(self) -> list[str]:
        """What the accuracy of each seed did."""
        return [way(trend.start, trend.end) for trend in self.trends]


def trends(results: Results, suite: str | None = None, decoding: str = "greedy") -> list[Trend]:
    """The trend of every run that has a reward and at least two probes; in the main suite where none is named."""
    wanted = (suite or results.main, decoding)
    found = []
    for run in results.trained:
        probes = [p for p in results.probes.get(run.run_id, ()) if (p.suite, p.decoding) == wanted]
        rewarded = [point for point in probes if point.reward is not None]
        if not rewarded:
            continue
        correlation = spearman([point.reward for point in rewarded], [point.accuracy for point in rewarded])
        quarters = outer_quarters([reward for _, reward in results.rewards[run.run_id]])
        found.append(Trend(run, *wanted, quarters, probes[0], probes[-1], len(rewarded), correlation))
    return found


def courses(results: Results, decoding: str = "greedy") -> list[Course]:
    """The trends in the main suite, by arm."""
    by_run = {trend.run.run_id: trend for trend in trends(results, decoding=decoding)}
    found = [(group, [by_run[run.run_id] for run in group.runs if run.run_id in by_run]) for group in results.groups]
    return [Course(group, tuple(kept)) for group, kept in found if kept]


def way(first: Mean | Point, last: Mean | Point) -> str:
    """`rose` or `fell` when the two 95 % intervals do not overlap, else `not told apart`."""
    if first.high < last.low:
        return ROSE
    return FELL if last.high < first.low else ALIKE


def tally(ways: Sequence[str]) -> str:
    """What the seeds did: one word for one seed, counts for several."""
    if len(ways) == 1:
        return ways[0]
    counts = [f"{name} in {ways.count(name)}" for name in (ROSE, FELL, ALIKE) if name in ways]
    return f"{', '.join(counts)} of {len(ways)}"
