"""The clustered mean: by hand, and against statsmodels."""

import math
import warnings

import numpy as np
import pytest

from counterpoint.statistics import FewClustersWarning, clustered_mean
from counterpoint.statistics.clustered import by_cluster

pytestmark = pytest.mark.filterwarnings("ignore::counterpoint.statistics.clustered.FewClustersWarning")


def test_three_clusters_by_hand():
    # mean 1/2; residual sums 1, −1, 0; se = √(2 · 3/2) / 6 = √3 / 6; t(0.975; 2) = 4.302653
    found = clustered_mean([1, 1, 0, 0, 1, 0], ["a", "a", "b", "b", "c", "c"])
    assert (found.mean, found.clusters, found.df) == (0.5, 3, 2)
    assert found.se == pytest.approx(math.sqrt(3) / 6)
    assert (found.low, found.high) == pytest.approx((0.5 - 4.302653 * found.se, 0.5 + 4.302653 * found.se), abs=1e-6)


def test_without_clusters_it_is_students_interval():
    from scipy import stats

    values = np.random.default_rng(0).normal(size=40)
    found = clustered_mean(values)
    assert found.se == pytest.approx(stats.sem(values), abs=1e-12)
    theirs = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(theirs, abs=1e-9)
    assert clustered_mean(values, range(40)) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_the_cluster_robust_regression_of_statsmodels(seed):
    import statsmodels.api as sm

    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, 35, 200)
    values = rng.random(200) < 0.3 + 0.4 * rng.random(35)[clusters]
    fit = sm.OLS(values.astype(float), np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True, "df_correction": True}, use_t=True
    )
    found = clustered_mean(values, clusters)
    assert found.mean == pytest.approx(fit.params[0], abs=1e-9)
    # statsmodels multiplies by (n − 1) / (n − parameters), which is 1 for a mean
    assert found.se == pytest.approx(fit.bse[0], abs=1e-9)
    assert (found.low, found.high) == pytest.approx(fit.conf_int()[0], abs=1e-9)


def test_items_that_stand_and_fall_together_count_once():
    values = np.random.default_rng(1).random(50)
    alone, twice = clustered_mean(values), clustered_mean(np.repeat(values, 2), np.repeat(np.arange(50), 2))
    assert twice == pytest.approx(alone)
    assert clustered_mean(np.repeat(values, 2)).se < 0.72 * alone.se


def test_few_clusters_are_told():
    with pytest.warns(FewClustersWarning, match="29 clusters, fewer than 30"):
        clustered_mean(np.arange(58.0), np.arange(58) // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clustered_mean(np.arange(60.0), np.arange(60) // 2)


def test_values_without_spread_have_no_width():
    assert clustered_mean(np.ones(40))[:2] == (1.0, 0.0)


@pytest.mark.parametrize(
    ("values", "clusters", "said"),
    [
        ([1.0, 0.0], ["a", "a"], "at least two"), ([1.0], None, "at least two"), ([], None, "at least two"),
        ([1.0, math.nan], None, "finite"), ([1.0, 0.0, 1.0], [0, 1], "names of clusters"),
        ([[1.0, 0.0]], None, "finite"),
    ],
)  # fmt: skip
def test_what_has_no_standard_error_is_refused(values, clusters, said):
    with pytest.raises(ValueError, match=said):
        clustered_mean(values, clusters)
    with pytest.raises(ValueError, match="confidence"):
        clustered_mean([0.0, 1.0], confidence=0.0)


def test_sums_keep_the_order_of_names():
    sums, sizes = by_cluster(np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 0.0]]), ["b", "a", "b"])
    assert sums.tolist() == [[2.0, 5.0], [1.0, 0.0]] and sizes.tolist() == [1.0, 2.0]
