"""Windows, ends and the noise of a logged metric."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.audit.curves import Curve, curve, logged
from counterpoint.audit.log import Accuracies, RunMetrics, SavedCompletions


def of(values) -> Curve:
    """A curve at steps 0, 10, 20, …"""
    return Curve(10 * np.arange(len(values)), np.array(values, float))


def correlated(rng, number: int, alike: float) -> np.ndarray:
    """First-order autoregressive noise of variance 1."""
    from scipy.signal import lfilter

    drawn = rng.standard_normal(number + 200)
    return lfilter([np.sqrt(1 - alike**2)], [1, -alike], drawn)[200:]


@pytest.mark.parametrize(("number", "window"), [(1, 1), (3, 1), (8, 2), (20, 5), (60, 6), (435, 20), (5000, 20)])
def test_a_window_is_a_tenth_from_5_to_20_values_and_of_few_values_a_quarter(number, window):
    assert of(range(number)).window == window


def test_running_means_and_medians_stand_at_the_step_in_their_middle():
    ramp = of([0, 1, 2, 3, 4, 5, 6, 7])  # window 2
    assert ramp.means.tolist() == ramp.medians.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    assert (ramp.step(0), ramp.step(6)) == (10, 70)


def test_a_condition_begins_where_it_holds_to_the_end():
    ramp = of([0, 1, 2, 3, 4, 5, 6, 7])
    assert ramp.begin(ramp.means > 4) == 50
    assert ramp.begin(ramp.means >= 0) == 0
    assert ramp.begin(ramp.means < 4) is None


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.8])
def test_scores_of_noise_alone_seldom_pass_four_standard_errors(alike):
    rng = np.random.default_rng(1)
    scores = np.array([of(correlated(rng, 100, alike)).score for _ in range(400)])
    assert (np.abs(scores) > 4).mean() <= 0.02
    assert 0.5 < scores.std() < 1.6


def test_a_steep_rise_is_not_taken_for_noise():
    steps = np.arange(435)
    noise = 0.03 * np.random.default_rng(2).standard_normal(435)
    assert of(0.65 * (1 - np.exp(-steps / 40)) + noise).score > 10


def test_what_never_varies_has_no_error_and_no_score():
    flat = of([0.5] * 40)
    assert (flat.error(5), flat.score) == (0.0, 0.0)


def test_values_that_are_none_are_left_out_and_the_first_is_named():
    broken = curve({1: 0.5, 2: float("nan"), 3: 0.7, 4: float("inf")})
    assert (broken.steps.tolist(), broken.values.tolist(), broken.broken) == ([1, 3], [0.5, 0.7], 2)


def test_a_runs_metrics_are_known_by_what_they_are():
    run = RunMetrics({1: 0.5}, {"actor/entropy_loss": {1: 0.3}, "timing/gen": {1: 9.0}}, Accuracies({}),
                     SavedCompletions(), "", terms={"format": {1: 1.0}})  # fmt: skip
    found = logged(run)
    assert list(found.metrics) == ["entropy"] and list(found.terms) == ["format"] and found.weights == {}
