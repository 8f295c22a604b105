"""The minimum detectable effect: the normal formula, statsmodels, and simulated studies."""

import math

import numpy as np
import pytest

from counterpoint.statistics import minimum_detectable_effect


def test_for_many_items_it_is_the_normal_formula():
    # n = (1.959964 + 0.841621)² σ² / δ²: a variance of 1/9 and 3 points need 969 items
    assert minimum_detectable_effect(969, sd=1 / 3) == pytest.approx(0.03, rel=2e-3)
    # discordance 0.25: sd 0.5; 2.801585 · 0.5 / √10000
    assert minimum_detectable_effect(10_000, discordance=0.25) == pytest.approx(0.014008, rel=1e-3)


@pytest.mark.parametrize(("n", "power", "alpha"), [(8, 0.8, 0.05), (100, 0.8, 0.05), (512, 0.9, 0.01)])
def test_one_seed_agrees_with_statsmodels(n, power, alpha):
    from statsmodels.stats.power import TTestPower

    effect = minimum_detectable_effect(n, sd=0.4, power=power, alpha=alpha)
    assert TTestPower().power(effect / 0.4, n, alpha) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize(
    ("seeds", "seed_sd", "correlation"), [(3, 0.02, 1.0), (3, 0.05, 0.3), (5, 0.03, 0.5), (10, 0.02, 0.0)]
)
def test_with_seeds_that_share_of_simulated_studies_finds_it(seeds, seed_sd, correlation):
    from scipy import stats

    n, sd, trials = 300, 0.6, 20_000
    effect = minimum_detectable_effect(n, sd=sd, seeds=seeds, seed_sd=seed_sd, item_correlation=correlation)
    rng = np.random.default_rng(8)
    # an item's share over all seeds and in each, and what the study would estimate of the variances
    by_item = sd**2 * (correlation + (1 - correlation) / seeds) / n
    by_seed = seed_sd**2 / seeds
    means = rng.normal(effect, math.sqrt(by_item + by_seed), trials)
    found_seed = by_seed * rng.chisquare(seeds - 1, trials) / (seeds - 1)
    found_item = by_item * rng.chisquare(n - 1, trials) / (n - 1)
    variance = found_seed + found_item
    df = variance**2 / (found_seed**2 / (seeds - 1) + found_item**2 / (n - 1))
    found = np.abs(means) / np.sqrt(variance) > stats.t.ppf(0.975, df)
    assert found.mean() == pytest.approx(0.8, abs=0.06)  # the true degrees of freedom stand for the estimated ones


def test_more_of_anything_finds_smaller_effects():
    def least(**changed):
        return minimum_detectable_effect(
            **{"n": 500, "discordance": 0.3, "seeds": 3, "seed_sd": 0.02, "item_correlation": 0.5} | changed
        )

    assert least(n=1000) < least() < least(n=250)
    assert least(seeds=5) < least() < least(seeds=2)
    assert least(seed_sd=0.01) < least() < least(seed_sd=0.04)
    assert least(item_correlation=0.0) < least() < least(item_correlation=1.0)
    assert least(discordance=0.1) < least() < least(power=0.9)
    # with endless items the seeds remain, as three values of a paired t test
    assert least(n=10**12) == pytest.approx(minimum_detectable_effect(3, sd=0.02), rel=1e-4)
    assert minimum_detectable_effect(100, sd=0.0) == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sd": 0.5}, "either"), ({"discordance": None}, "either"), ({"discordance": 1.5}, "discordance"),
        ({"n": 1}, "n 1"), ({"seeds": 0}, "seeds 0"), ({"item_correlation": 2}, "item_correlation"),
        ({"power": 0.05}, "power"), ({"seed_sd": 0.02}, "one seed"),
    ],
)  # fmt: skip
def test_what_makes_no_study_is_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        minimum_detectable_effect(**{"n": 100, "discordance": 0.3} | changed)
