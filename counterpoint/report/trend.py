"""What a run's reward and held-out accuracy did between its first and its last probe."""

from __future__ import annotations

from dataclasses import dataclass

from counterpoint.report.numbers import spearman
from counterpoint.report.read import Point, Results, Run

MAIN = "in_domain"


@dataclass(frozen=True)
class Trend:
    """Reward is averaged over the steps since the probe before; `first` and `last` are the outermost such stretches.

    `correlation` (Spearman's, None under 3 stretches) describes these few points; trending series correlate by
    themselves.
    """

    run: Run
    suite: str
    decoding: str
    reward_first: float
    reward_last: float
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
        ends = (rewarded[0].reward, rewarded[-1].reward, probes[0], probes[-1])
        found.append(Trend(run, suite, decoding, *ends, len(rewarded), correlation))
    return found
