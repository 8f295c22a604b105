"""What a run's reward did from its first to its last quarter, and its held-out accuracy from first to last probe."""

from __future__ import annotations

from dataclasses import dataclass

from counterpoint.report.numbers import Mean, outer_quarters, spearman
from counterpoint.report.read import Point, Results, Run

MAIN = "in_domain"


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


def trends(results: Results, suite: str = MAIN, decoding: str = "greedy") -> list[Trend]:
    """The trend of every run that has a reward and at least two probes."""
    found = []
    for run in results.trained:
        probes = [p for p in results.probes.get(run.run_id, ()) if (p.suite, p.decoding) == (suite, decoding)]
        rewarded = [point for point in probes if point.reward is not None]
        if not rewarded:
            continue
        correlation = spearman([point.reward for point in rewarded], [point.accuracy for point in rewarded])
        quarters = outer_quarters([reward for _, reward in results.rewards[run.run_id]])
        found.append(Trend(run, suite, decoding, quarters, probes[0], probes[-1], len(rewarded), correlation))
    return found


def way(first: Mean | Point, last: Mean | Point) -> str:
    """`rose` or `fell` when the two 95 % intervals do not overlap, else `not told apart`."""
    if first.high < last.low:
        return "rose"
    return "fell" if last.high < first.low else "not told apart"
