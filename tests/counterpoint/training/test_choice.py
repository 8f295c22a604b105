"""Which probe is the best, and which its reward would have picked."""

import math

from counterpoint.training import choice


def probes(accuracies: dict[int, float], suite="in_domain", decoding="greedy") -> list[dict]:
    key = {"suite": suite, "condition": "normal", "decoding": decoding}
    return [{"step": step, "accuracy": accuracy, **key} for step, accuracy in accuracies.items()]


def steps(rewards: dict[int, float | None]) -> list[dict]:
    return [{"step": step, "reward": reward} for step, reward in rewards.items()]


def test_the_best_probe_is_the_earliest_of_the_highest():
    assert choice.best_step(probes({0: 0.1, 5: 0.5, 10: 0.5, 15: 0.4}), "in_domain") == 5
    assert choice.best_step(reversed(probes({0: 0.1, 5: 0.5, 10: 0.5})), "in_domain") == 5
    assert choice.best_step(probes({0: 0.3, 5: 0.1}), "in_domain") == 0
    assert choice.best_step([], "in_domain") is None


def test_neither_another_suite_nor_sampling_has_a_say():
    rows = probes({0: 0.2, 5: 0.1})
    others = probes({0: 0.0, 5: 1.0}, suite="rule_shift") + probes({0: 0.0, 5: 1.0}, decoding="sampled")
    assert choice.best_step(rows + others, "in_domain") == 0
    assert choice.best_step(rows + others, "rule_shift") == 5


def test_the_suite_that_decides():
    assert choice.deciding_suite(["rule_shift", "in_domain"]) == "in_domain"
    assert choice.deciding_suite(["text_twin", "rule_shift"]) == "text_twin"
    assert choice.deciding_suite([]) is None


def test_the_reward_at_a_probe_is_the_mean_since_the_one_before():
    rewards = {1: 0.5, 2: 1.0, 3: None, 4: 2.0, 5: 4.0, 6: 6.0}
    assert choice.since_last([0, 2, 4, 6], rewards) == [0.5, 0.75, 2.0, 5.0]
    assert choice.since_last([0, 2], dict(reversed(rewards.items()))) == [0.5, 0.75]
    found = choice.since_last([0, 1, 2, 3], {3: 1.0})  # a cycle's later steps have no reward
    assert found[0] == found[3] == 1.0 and all(map(math.isnan, found[1:3]))
    assert all(map(math.isnan, choice.since_last([0, 2], {})))


def test_what_the_reward_would_have_picked():
    rows = probes({0: 0.9, 2: 0.1, 4: 0.2, 6: 0.0})
    assert choice.reward_step(rows, steps({1: 0.1, 2: 0.1, 3: 0.9, 4: 0.7, 5: 0.8, 6: 0.8}), "in_domain") == 4
    assert choice.reward_step(rows, steps({1: None, 2: None}), "in_domain") is None
    assert choice.reward_step([], steps({1: 0.5}), "in_domain") is None
