"""SFT against RL over the seeds: the mean of the paired differences, and its interval where the findings have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint.report.results import Pair, Results, agreed, spread


@dataclass(frozen=True)
class Contest:
    """One arm against another on one suite, in points; `pairs` holds one difference a seed.

    With one seed the bounds are the pair's own. With several they are those of the mart `findings` (over seeds and
    problems), None where it holds no such row.
    """

    model: str
    suite: str
    first: str  # "sft 2k"
    second: str
    pairs: tuple[Pair, ...]
    difference: float
    low: float | None
    high: float | None

    @property
    def sign(self) -> int:
        """1 or −1 when the interval lies on one side of 0, or, without one, when that of every seed does; else 0."""
        if self.low is None:
            return agreed(self.pairs)
        return (self.low > 0) - (self.high < 0)


def contests(results: Results, pairs: Sequence[Pair]) -> list[Contest]:
    """The pairs by model, arms and suite, in their order."""
    pooled = {
        tuple(row[name] for name in ("model", "first", "second", "suite")): row
        for row in results.marts["findings"]
        if row["matched_on"] == "end" and row["unit"] == "points"
    }
    names = {run.run_id: group.name for group in results.groups for run in group.runs}
    found: dict[tuple, list[Pair]] = {}
    for pair in pairs:
        key = (pair.model, names[pair.first.run_id], names[pair.second.run_id], pair.suite)
        found.setdefault(key, []).append(pair)
    return [_contest(key, mine, pooled.get(key)) for key, mine in found.items()]


def _contest(key: tuple[str, str, str, str], pairs: list[Pair], row: dict | None) -> Contest:
    model, first, second, suite = key
    low = high = None
    if len(pairs) == 1:
        low, high = 100 * pairs[0].low, 100 * pairs[0].high
    elif row and row["seeds"] == len(pairs):
        low, high = row["low"], row["high"]
    mean = spread([100 * pair.difference for pair in pairs]).mean
    return Contest(model, suite, first, second, tuple(pairs), mean, low, high)
