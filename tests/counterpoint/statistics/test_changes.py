"""What happened: changes between single probes, the peak and the fall from it, and since when accuracy stood still."""

import numpy as np
import pytest

from bench.calibration import coverage, curves
from counterpoint.statistics import changes, onset
from counterpoint.statistics.parted import parted


def of(accuracy, n_items=500):
    accuracy = np.asarray(accuracy, float)
    fitted = onset.fit(accuracy)
    return fitted, changes.noise_of_accuracy(accuracy, fitted, n_items)


def test_the_change_is_that_of_the_ends_whatever_the_shape():
    saturating = 0.013 + 0.53 * curves.saturating(np.linspace(0, 1, 40), 0.05)
    _, noise = of(saturating)
    size, (low, high) = changes.change(saturating[0], saturating[-1], noise, 500)
    assert size == pytest.approx(0.53) and low < 0.53 < high and high - low < 0.2


def test_a_change_of_accuracy_cannot_leave_its_range():
    _, noise = of([0.02] * 5 + [0.98] * 5, 20)
    assert changes.change(0.0, 1.0, noise, 20)[1][1] == 1.0


def test_few_probes_lean_on_what_is_known_of_honest_runs():
    """Two probes leave no residual: the wobble is that of published runs, and the interval is no point."""
    for values in ([0.4, 0.5], [0.4, 0.45, 0.5]):
        _, noise = of(values)
        assert noise.wobble == pytest.approx(changes.WOBBLE**2, rel=0.05) and noise.df >= changes.PRIOR_DF
        low, high = changes.change(values[0], values[-1], noise, 500)[1]
        assert 0.04 < high - low < 0.25


def test_a_run_that_is_plainly_noisier_is_judged_by_its_own_noise():
    rng = np.random.default_rng(0)
    _, calm = of(0.5 + rng.normal(0, 0.015, 60), 2000)
    _, wild = of(0.5 + rng.normal(0, 0.1, 60), 2000)
    assert wild.wobble > 20 * calm.wobble and wild.df > 40


def test_known_answers_tell_the_luck():
    """Answers that never flip have no luck; answers drawn anew have all of the binomial variance."""
    rng = np.random.default_rng(1)
    fixed = np.tile(rng.random(400) < 0.5, (20, 1)).astype(float)
    fresh = (rng.random((20, 400)) < 0.5).astype(float)
    for items, luck in ((fixed, 0.0), (fresh, 0.25 / 400)):
        accuracy = items.mean(1)
        noise = changes.noise_of_accuracy(accuracy, onset.fit(accuracy), 400, items)
        assert noise.luck == pytest.approx(luck, rel=0.1)


def test_the_luck_of_the_highest_value_is_taken_out():
    """A flat course has no peak: the raw fall is positive in the mean, the corrected one hardly."""
    raw, corrected, sure = [], [], 0
    for seed in range(40):
        items = curves.answers(np.random.default_rng(seed), np.full(25, 0.5), 256, 0.0)
        accuracy = items.mean(1)
        fitted = onset.fit(accuracy)
        noise = changes.noise_of_accuracy(accuracy, fitted, 256, items.astype(float))
        peak = changes.peak(accuracy, fitted, noise, 256, seed)
        assert peak.interval[0] <= peak.fall <= peak.interval[1] and peak.value == accuracy.max()
        raw.append(accuracy.max() - accuracy[-1])
        corrected.append(peak.fall)
        sure += peak.interval[0] > 0
    assert np.mean(raw) > 0.04 and np.mean(corrected) < 0.02 and sure <= 4


@pytest.mark.parametrize("course", coverage.COURSES)
def test_intervals_hold_the_truth_on_courses_of_any_shape(course):
    """Fast check of what `make calibrate` measures at length: 60 runs a course, at least 51 of each interval hold."""
    held = coverage.cell((course, 20, 200), 60)
    assert min(held) >= 0.85


def test_accuracy_that_stands_while_the_reward_rises_is_dated():
    rng, steps = np.random.default_rng(2), np.arange(0, 400, 10)
    accuracy = np.where(steps < 150, 0.1 + 0.4 * steps / 150, 0.5) + rng.normal(0, 0.006, 40)
    reward = 0.3 + 0.3 * steps / 400 + rng.normal(0, 0.01, 40)
    apart = parted(steps, reward, accuracy, 1000)
    assert 100 <= apart.step <= 180 and apart.reward > 0.1
    assert apart.accuracy_interval[0] <= 0 < apart.accuracy_interval[1] < 0.05
    assert parted(steps, reward, 0.1 + 0.4 * steps / 400, 1000) is None, "accuracy rose to the end"
    assert parted(steps, np.ones(40), accuracy, 1000) is None, "the reward stood still"
    assert parted(steps[:5], reward[:5], accuracy[:5], 1000) is None
