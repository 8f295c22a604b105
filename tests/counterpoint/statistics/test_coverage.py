"""Do 95 % intervals hold the truth in 93 to 97 of 100 studies? 2,000 simulated studies a cell.

    python -m pytest tests/counterpoint/statistics/test_coverage.py -m "slow or not slow" -s

prints every cell of the tables in docs/statistics.md, each about as long as the statistic takes 2,000 times.
"""

import numpy as np
import pytest

from counterpoint.statistics import wilson_interval
from counterpoint.statistics.crossed import crossed_interval
from counterpoint.statistics.equivalence import bootstrap_interval

STUDIES, DELTA = 2000, 0.04


def covered(name: str, intervals, truth: float) -> float:
    """The share of intervals (low, high) that hold the truth, printed in per cent."""
    bounds = np.array(list(intervals))
    assert bounds.shape == (STUDIES, 2)
    share = float(((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).mean())
    print(f"{name}: {100 * share:.1f} %")
    return share


def clustering(rng, items: int, size: int) -> np.ndarray:
    """The cluster of each item: items / size clusters, of unequal sizes when size is above 1."""
    if size == 1:
        return np.arange(items)
    return np.sort(np.concatenate([np.arange(items // size), rng.integers(0, items // size, items - items // size)]))


def studies(rng, seeds: int, items: int, size: int, seed_sd: float):
    """Simulated studies, clusters and values (seeds, items): two arms' difference of verdicts on the same items.

    A cluster has its own ease and its own lead of one arm, a seed its own lead; half of an item's answers agree between
    the arms by more than chance. All on the probability scale, so the true mean difference is DELTA exactly.
    """
    for _ in range(STUDIES):
        clusters = clustering(rng, items, size)
        count = clusters[-1] + 1
        ease, lead = rng.uniform(0.25, 0.75, count)[clusters], rng.uniform(-0.1, 0.1, count)[clusters]
        half = (DELTA + rng.normal(0, seed_sd, (seeds, 1))) / 2 + lead
        first = rng.random((seeds, items))
        second = np.where(rng.random((seeds, items)) < 0.5, first, rng.random((seeds, items)))
        yield clusters, (first < ease + half).astype(float), (second < ease - half).astype(float)


@pytest.mark.parametrize("n", [100, 1000])
def test_wilsons_interval_covers(n):
    for share in (0.2, 0.35, 0.5, 0.65, 0.8):
        counts = np.random.default_rng(n).binomial(n, share, STUDIES)
        intervals = (wilson_interval(int(count), n) for count in counts)
        assert 0.93 <= covered(f"wilson, {n} items, p {share}", intervals, share) <= 0.97


@pytest.mark.parametrize(("n", "size"), [(100, 1), (100, 2), (1000, 1), (1000, 4)])
def test_one_seed_clustered_by_item_covers(n, size):
    drawn = studies(np.random.default_rng(1), 1, n, size, 0)
    intervals = (crossed_interval(first - second, clusters) for clusters, first, second in drawn)
    bounds = ((interval.low, interval.high) for interval in intervals)
    assert 0.93 <= covered(f"one seed, {n} items in {n // size} clusters", bounds, DELTA) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("points", "low", "high"), [(0, 0.98, 1.0), (5, 0.0, 0.9)])
def test_seeds_and_items_both_drawn_with_replacement_do_not(points, low, high):
    drawn = studies(np.random.default_rng(4), 3, 1000, 1, points / 100)
    intervals = (bootstrap_interval(first - second, clusters, 0.95, 200) for clusters, first, second in drawn)
    assert low < covered(f"pigeonhole bootstrap, 3 seeds, 1000 items, seed SD {points} points", intervals, DELTA) < high
