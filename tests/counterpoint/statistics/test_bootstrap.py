"""Resampling: against every possible resample, against scipy and arch, and in the cases where theory has the answer."""

import itertools
import math

import numpy as np
import pytest

from counterpoint.statistics import bootstrap, clustered_mean, hierarchical_bootstrap, paired_bootstrap
from counterpoint.statistics.clustered import by_cluster, linearised
from counterpoint.statistics.crossed import mean_squares

pytestmark = pytest.mark.filterwarnings("ignore::counterpoint.statistics.clustered.FewClustersWarning")


@pytest.fixture(scope="module")
def runs():
    """Two runs' verdicts on 200 items in 80 clusters."""
    rng = np.random.default_rng(5)
    clusters = np.sort(rng.integers(0, 80, 200))
    ease = rng.random(80)[clusters]
    return rng.random(200) < 0.3 + 0.5 * ease, rng.random(200) < 0.2 + 0.5 * ease, clusters


def test_clusters_are_drawn_whole_as_by_enumeration():
    values, clusters = np.array([[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]]), [0, 0, 0, 1, 2, 2]
    sums, sizes = by_cluster(values, clusters)
    possible = [sum(sums[0][list(d)]) / sum(sizes[list(d)]) for d in itertools.product(range(3), repeat=3)]
    means = bootstrap.resampled_means(sums[0], sizes, 20_000, 0)
    assert set(np.round(means, 9)) == set(np.round(possible, 9))
    for value in set(np.round(possible, 9)):
        share = np.mean(np.isclose(possible, value))
        assert np.mean(np.isclose(means, value)) == pytest.approx(share, abs=0.015)


def test_the_means_have_the_distribution_of_scipys_and_archs(runs):
    from arch.bootstrap import IIDBootstrap
    from scipy import stats

    difference = runs[0].astype(float) - runs[1]
    means = bootstrap.resampled_means(difference, np.ones(200), 20_000, 0)
    options = {"n_resamples": 20_000, "batch": 500, "rng": np.random.default_rng(1)}
    theirs = stats.bootstrap((difference,), np.mean, method="percentile", **options).bootstrap_distribution
    archs = IIDBootstrap(difference, seed=2).conf_int(np.mean, 5000, method="percentile").ravel()
    assert means.std() == pytest.approx(theirs.std(), rel=0.03)
    assert np.quantile(means, [0.025, 0.975]) == pytest.approx(np.quantile(theirs, [0.025, 0.975]), abs=0.006)
    assert np.quantile(means, [0.025, 0.975]) == pytest.approx(archs, abs=0.006)


def test_expansion_turns_normal_replicates_into_students():
    from scipy import stats

    deviations = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000) * 0.02
    for df in (1, 2, 29, 999):
        quantile = np.quantile(bootstrap.expanded(deviations, df), 0.975)
        assert quantile == pytest.approx(0.02 * math.sqrt((df + 1) / df) * stats.t.ppf(0.975, df), rel=2e-3)
    assert np.isfinite(bootstrap.expanded(np.array([0.0] * 999 + [1.0]), 1)).all()


def test_the_paired_interval_is_close_to_students(runs):
    a, b, clusters = runs
    found, theirs = paired_bootstrap(a, b, clusters), clustered_mean(a.astype(float) - b, clusters)
    assert found.difference == pytest.approx(theirs.mean) and found.clusters == theirs.clusters
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.05 * (theirs.high - theirs.low))
    # p against the interval of that confidence: its end lies at 0
    edge = paired_bootstrap(a, b, clusters, confidence=1 - found.p)
    assert min(abs(edge.low), abs(edge.high)) < 0.01
    assert paired_bootstrap(a, b, clusters) == found != paired_bootstrap(a, b, clusters, seed=1)
    turned = paired_bootstrap(b, a, clusters)
    assert turned.difference == -found.difference and turned.p == pytest.approx(found.p, abs=0.02)


def test_the_paired_bootstrap_at_the_ends():
    same = paired_bootstrap([1, 0] * 20, [1, 0] * 20, resamples=999)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    apart = paired_bootstrap([1] * 40, [0] * 40, resamples=999)
    assert (apart.difference, apart.low, apart.high, apart.p) == (1, 1, 1, 2 / 1000)


@pytest.mark.parametrize(
    ("a", "b", "settings", "said"),
    [
        ([1, 0, 1], [1, 0], {}, "same items"), ([1, 0], [1, 0], {"clusters": [0, 0]}, "at least two"),
        ([1, math.nan], [1, 0], {}, "finite"), ([1, 0], [1, 0], {"resamples": 99}, "resamples"),
        ([1, 0], [1, 0], {"confidence": 1.0}, "confidence"), ([1, 0], [1, 0], {"clusters": [0]}, "names of clusters"),
    ],
)  # fmt: skip
def test_what_cannot_be_resampled_is_refused(a, b, settings, said):
    with pytest.raises(ValueError, match=said):
        paired_bootstrap(a, b, **settings)
    if said != "same items":
        with pytest.raises(ValueError, match=said):
            hierarchical_bootstrap([a, b], settings.pop("clusters", None), **settings)


def test_the_mean_squares_are_those_of_the_analysis_of_variance():
    import pandas as pd
    import statsmodels.formula.api as smf
    from statsmodels.stats.anova import anova_lm

    values = np.random.default_rng(3).normal(size=(4, 12)) + np.arange(4)[:, None]
    rows = [(s, i, values[s, i]) for s in range(4) for i in range(12)]
    fit = smf.ols("y ~ C(s) + C(i)", pd.DataFrame(rows, columns=["s", "i", "y"])).fit()
    theirs = anova_lm(fit)["mean_sq"]
    assert mean_squares(values) == pytest.approx(theirs.to_numpy(), abs=1e-9)
    # a cluster of two equal items is one item
    doubled = by_cluster(np.repeat(values, 2, axis=1), np.repeat(np.arange(12), 2))
    assert mean_squares(linearised(*doubled)) == pytest.approx(theirs.to_numpy(), abs=1e-9)


def test_seeds_that_alone_differ_leave_students_interval_over_seeds():
    # three seeds 0, 0.02 and 0.04, every item alike: t(0.975; 2) = 4.302653, error 0.02 / √3
    found = hierarchical_bootstrap(np.repeat([[0.0], [0.02], [0.04]], 50, axis=1), resamples=200_000)
    assert found.difference == pytest.approx(0.02) and found.seeds == 3
    assert found.high - 0.02 == pytest.approx(4.302653 * 0.02 / math.sqrt(3), rel=0.03)
    assert found.p == pytest.approx(0.2254, abs=0.01)  # t = √3 with two degrees of freedom


def test_seeds_that_never_differ_leave_the_clustered_interval_over_items():
    rng = np.random.default_rng(6)
    items, clusters = rng.normal(0.1, 1, 300), np.arange(300) // 3
    found = hierarchical_bootstrap(np.tile(items, (4, 1)), clusters, resamples=20_000)
    theirs = clustered_mean(items, clusters)
    assert (found.difference, found.clusters) == (pytest.approx(theirs.mean), 100)
    assert found.high - found.low == pytest.approx(theirs.high - theirs.low, rel=0.04)


def test_between_the_two_it_is_the_distribution_of_behrens_and_fisher():
    from scipy import integrate, stats

    rng = np.random.default_rng(7)
    values = rng.normal(0, 0.05, (3, 1)) + rng.normal(0, 1, 1000) + rng.normal(0, 1, (3, 1000))
    found = hierarchical_bootstrap(values, resamples=100_000)
    seeds, items, residual = mean_squares(values)
    a, b = math.sqrt(seeds / 3000), math.sqrt((items - residual) / 3000)
    half = found.high - found.difference

    def inside(t):
        return stats.t.pdf(t, 2) * (stats.norm.cdf((half - a * t) / b) - stats.norm.cdf((-half - a * t) / b))

    assert integrate.quad(inside, -200, 200, points=[0], limit=500)[0] == pytest.approx(0.95, abs=0.004)


def test_equal_answers_everywhere_have_no_width_and_one_seed_is_refused():
    found = hierarchical_bootstrap(np.zeros((2, 30)), resamples=999)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)
    with pytest.raises(ValueError, match="two seeds"):
        hierarchical_bootstrap(np.zeros((1, 30)))
