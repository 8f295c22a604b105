"""Equivalence within a margin: values worked by hand, and error rates by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from counterpoint.statistics import equivalence
from counterpoint.statistics.equivalence import assess, seeds_needed


def test_the_interval_of_three_seeds_by_hand():
    # mean 0.02, deviations ±0.02 and 0: sd 0.02, error 0.02 / √3, t(0.95; 2) = 2.91999
    low, high = equivalence.t_interval(np.array([0.0, 0.02, 0.04]), 0.9)
    assert low == pytest.approx(0.02 - 2.91999 * 0.02 / math.sqrt(3), abs=1e-7)
    assert high == pytest.approx(0.02 + 2.91999 * 0.02 / math.sqrt(3), abs=1e-7)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.049, 0.049, "equivalent"), (0.01, 0.04, "equivalent"), (-0.05, 0.01, "inconclusive"),
        (0.04, 0.06, "inconclusive"), (-0.2, 0.2, "inconclusive"), (0.051, 0.09, "not equivalent"),
        (-0.09, -0.051, "not equivalent"),
    ],
)  # fmt: skip
def test_the_verdict_is_where_the_interval_lies(low, high, said):
    assert equivalence.verdict(low, high, 0.05) == said


def items(rng, seeds, problems, shift, seed_sd):
    """Two arms that agree on average but for `shift`; each seed has its own difference around it."""
    difference = shift + rng.normal(0, seed_sd, (seeds, 1))
    first = rng.random((seeds, problems)) < 0.5 + difference / 2
    second = rng.random((seeds, problems)) < 0.5 - difference / 2
    return first.astype(float) - second


def test_the_bootstrap_has_the_spread_of_seeds_and_problems():
    rng = np.random.default_rng(1)
    found = items(rng, 40, 400, 0.0, 0.04)
    low, high = equivalence.bootstrap_interval(found, np.arange(400), 0.9, 2000)
    seeds, problems = found.mean(1).std() / math.sqrt(40), found.mean(0).std() / math.sqrt(400)
    assert low < found.mean() < high
    # the pigeonhole bootstrap adds the variances of both ways and, once, that of single answers
    assert math.hypot(seeds, problems) * 2 * 1.645 * 0.95 < high - low < math.hypot(seeds, problems) * 2 * 1.645 * 1.4
    # problems that stand and fall together are fewer than they seem
    doubled = np.repeat(found[:, :200], 2, axis=1)
    narrow = equivalence.bootstrap_interval(doubled, np.arange(400), 0.9, 2000)
    wide = equivalence.bootstrap_interval(doubled, np.arange(400) // 2, 0.9, 2000)
    assert wide[1] - wide[0] > 1.15 * (narrow[1] - narrow[0])
    assert equivalence.bootstrap_interval(found, np.arange(400), 0.9, 2000) == (low, high)


def test_the_wider_interval_decides():
    # seeds that agree exactly leave no spread to Student; the problems still have one
    found = assess(np.tile([1.0, -1.0, 0.0, 0.0], (3, 1)), np.arange(4), 0.05)
    assert found.difference == 0 and found.t == (0, 0) and found.wider == "bootstrap"
    assert found.verdict == "inconclusive" and found.interval == found.bootstrap
    spread = np.zeros((3, 1000))
    spread[0, :60], spread[2, :60] = 1, -1
    found = assess(spread, np.arange(1000), 0.05, replicates=1000)
    assert found.per_seed == (0.06, 0, -0.06) and found.wider == "t" and found.verdict == "inconclusive"
    assert assess(np.zeros((3, 10)), np.arange(10), 0.05).verdict == "equivalent"
    assert assess(np.ones((3, 10)), np.arange(10), 0.05).verdict == "not equivalent"


def test_what_cannot_be_assessed_is_an_error():
    for shape in ((1, 5), (3, 0)):
        with pytest.raises(ValueError, match="two seeds"):
            assess(np.zeros(shape), np.arange(shape[1]), 0.05)
    for margin, confidence in ((0.0, 0.9), (math.nan, 0.9), (0.05, 1.0)):
        with pytest.raises(ValueError, match="margin"):
            assess(np.zeros((3, 5)), np.arange(5), margin, confidence)


def test_arms_that_differ_by_the_margin_are_called_equivalent_at_most_once_in_twenty():
    rng = np.random.default_rng(2)
    for seeds, trials in ((3, 1000), (5, 1000)):
        per_seed = rng.normal(0.05, 0.02, (trials, seeds))
        said = [equivalence.verdict(*equivalence.t_interval(row, 0.9), 0.05) for row in per_seed]
        rate = said.count("equivalent") / trials
        assert rate < 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
        assert said.count("not equivalent") / trials > 0.02  # the level is used, not merely kept


def test_whole_answers_keep_the_level_too():
    rng = np.random.default_rng(3)
    said = [assess(items(rng, 3, 128, 0.05, 0.02), np.arange(128), 0.05, replicates=400).verdict for _ in range(60)]
    assert said.count("equivalent") <= 8  # 3 expected at 5 %; more than 8 would be one in 200


def test_the_power_is_that_of_simulated_studies():
    rng = np.random.default_rng(4)
    for seeds, sd, difference in ((8, 0.04, 0.0), (12, 0.05, 0.01), (5, 0.02, 0.02)):
        drawn = rng.normal(difference, sd, (4000, seeds))
        half = stats.t.ppf(0.95, seeds - 1) * drawn.std(1, ddof=1) / math.sqrt(seeds)
        within = (drawn.mean(1) - half > -0.05) & (drawn.mean(1) + half < 0.05)
        assert equivalence.power(seeds, sd, 0.05, difference) == pytest.approx(within.mean(), abs=0.03)


def test_the_seeds_needed_are_the_fewest_with_that_power():
    for sd, difference in ((0.04, 0.0), (0.04, 0.02), (0.1, 0.0)):
        n = seeds_needed(sd, 0.05, difference)
        assert equivalence.power(n, sd, 0.05, difference) >= 0.8 > equivalence.power(n - 1, sd, 0.05, difference)
    # normal approximation: n = (sd / margin)² (z(0.95) + z(0.9))² = 4 · (1.645 + 1.282)² = 34.3; t needs a few more
    assert seeds_needed(0.1, 0.05) in (35, 36)
    assert seeds_needed(0.001, 0.05) == seeds_needed(0, 0.05, 0.01) == 3
    assert seeds_needed(0.01, 0.05, 0.05) is None and seeds_needed(0, 0.05, -0.06) is None
    assert seeds_needed(5.0, 0.05) is None
