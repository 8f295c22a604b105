"""The table of lints: a line for each reward, with rewardlint or without."""

import pytest

from bench import reward_lint


def test_a_line_has_both_tools_or_ours_alone(monkeypatch, tmp_path):
    mine = {"fails": True, "tpr": 1.0, "fpr": 0.25, "attacks": ["no answer"], "cases": 1200, "seconds": 1.25}
    said = {"false_negative_rate": 0.1, "false_positive_rate": 0.5}
    line = reward_lint.row("r", mine, {"fails": False, "seconds": 0.5, "said": said})
    assert line == "| r | fails | 100.0% | 25.0% | 1 | 1,200 | 1.2 | passes | 90.0% | 50.0% | 0.5 |"
    assert reward_lint.row("r", mine, None).count("|") == line.count("|")
    refused = reward_lint.row("r", mine, {"refused": "could not  work out", "seconds": 0.5})
    assert refused.count("|") == line.count("|") and "could not work out" in refused
    monkeypatch.setattr(reward_lint, "REWARDLINT", tmp_path / "none")
    assert reward_lint.rewardlint("terms.py:accuracy") is None


@pytest.mark.slow
def test_every_planted_leak_fails_and_the_strict_judge_passes():
    for name, (reward, words) in reward_lint.REWARDS.items():
        said = reward_lint.ours(reward, words)
        assert said["fails"] == ("accuracy`)" not in name), name
