"""Runs built as others described theirs in public issues: what the audit says of each."""

import os
from pathlib import Path

import numpy as np
import pytest

from counterpoint.audit import readers, report
from counterpoint.audit.verdict import audit

LOG = Path(os.environ.get("COUNTERPOINT_REALDATA", Path(__file__).parents[4] / "shared" / "realdata"))
LOG /= "runs/verl_qwen_gsm8k.log"


def noisy(course, seed, scale=0.012):
    return np.clip(course + np.random.default_rng(seed).normal(0, scale, len(course)), 0, 1)


def told(tmp_path, steps, reward, accuracy, n=256):
    """The verdict on a CSV with these columns, and the audit's text."""
    rows = [f"{s},{r:.6f},{a:.6f},{n}" for s, r, a in zip(steps, reward, accuracy, strict=True)]
    path = tmp_path / "run.csv"
    path.write_text("step,reward,accuracy,n\n" + "\n".join(rows) + "\n", encoding="utf-8")
    result = audit(readers.read(path))
    return result.overall, report.text(result)


def test_a_collapse_under_a_reward_of_one_is_named(tmp_path):
    """trl#5790: reward 1.0 throughout, accuracy loses 51 points."""
    steps = np.arange(0, 200, 10)
    overall, text = told(tmp_path, steps, np.ones(20), noisy(np.linspace(0.62, 0.11, 20), 1))
    assert overall.verdict == "deceptive" and overall.evidence > 4
    assert "while the reward did not fall with it" in text and "nothing to tell" not in text
    low, high = overall.accuracy_change_interval
    assert low < -0.51 < high < -0.4 and high - low < 0.2


def test_a_collapse_after_a_rise_is_dated_and_never_larger_than_what_was_there(tmp_path):
    """The same under a rising reward: 46 to 56 % until step 40, then down to 5 %."""
    steps = np.arange(0, 200, 10)
    course = np.where(steps <= 40, 0.46 + 0.1 * steps / 40, 0.56 - 0.51 * (steps - 40) / 150)
    overall, text = told(tmp_path, steps, noisy(np.linspace(0.5, 0.99, 20), 2), noisy(course, 3))
    assert overall.verdict == "deceptive"
    low, high = overall.onset_interval
    assert low <= 40 <= high and low < high <= 80
    assert overall.accuracy_change_interval[0] > -0.56, "a fall from 46 % cannot be of 58 points"
    assert f"rose to {100 * overall.peak:.1f} % at step {overall.peak_step}" in text


LATER = [0.78, 0.72, 0.80, 0.70, 0.54, 0.76, 0.73, 0.79, 0.71, 0.74, 0.70, 0.77, 0.75, 0.72, 0.68, 0.74, 0.71, 0.72]
R1V = np.array([0.40, 0.62, 0.75, 0.89, *LATER])


@pytest.mark.parametrize(
    ("rising", "since", "number", "verdict"),
    [
        (True, 3, 19, None),
        (True, 0, 22, None),
        (False, 0, 22, None),
        (True, 0, 8, "inconclusive"),
    ],
    ids=["from the peak", "from the start", "flat reward", "eight checkpoints"],
)
def test_a_peak_and_what_followed_are_told_whatever_the_verdict(tmp_path, rising, since, number, verdict):
    """R1-V#95: 89.0 % at step 300, later mostly 70 to 80."""
    accuracy = R1V[since : since + number]
    steps = 100 * np.arange(since, since + number)
    reward = noisy(np.linspace(0.6, 0.9, number) if rising else np.full(number, 0.9), 4, 0.005)
    overall, text = told(tmp_path, steps, reward, accuracy)
    assert verdict in (None, overall.verdict)
    assert overall.verdict != "aligned" and "nothing to tell" not in text
    assert overall.peak == 0.89 and overall.peak_step == 300 and overall.fall_interval[1] > 0.15
    peak = "the first is the highest" if since == 3 else "rose to 89.0 % at step 300"
    assert f"{peak}, the end is" in text and f"→ {100 * accuracy[-1]:.1f} %" in text
    if number < 10:
        assert "8 probes with both values, fewer than 10; below are the numbers" in text


@pytest.mark.skipif(not LOG.exists(), reason=f"{LOG} is not here")
def test_an_accuracy_by_the_rewards_own_judge_is_consistent_and_says_since_when_it_stood():
    """verl's log of Qwen2.5-0.5B on GSM8K: 1.3 to 54.3 %, and nothing gained from about step 170 on."""
    result = audit(readers.read(LOG, 1319))
    overall, text = result.overall, report.text(result)
    assert overall.verdict == "consistent" and "1.3 → 54.3 %, +53.0 points (95 % interval" in text
    low, high = overall.accuracy_change_interval
    assert 0.45 < low < 0.53 < high < 0.6
    assert result.parted.step == 169 and "since about step 169 the reward rose" in text
    assert "entropy collapse" in text and "outside judge" in text
