"""Proposals: inside the ranges, the same from the same history, towards what was good, away from what diverged."""

import statistics

from counterpoint.params import Range
from counterpoint.tuning.propose import propose
from counterpoint.tuning.trial import DIVERGED, FAILED, Trial

SPACE = {"learning_rate": Range(1e-4, 1e-2, True), "epochs": Range(choices=[1, 2, 3])}


def history(ended, rights, rates):
    return [
        ended(i, right, learning_rate=rate, epochs=1) for i, (right, rate) in enumerate(zip(rights, rates, strict=True))
    ]


def test_a_proposal_follows_from_the_trials_before_and_the_seed(ended):
    tried = history(ended, (40, 50, 45, 30), (1e-3, 2e-3, 4e-3, 1e-4))
    for number in range(1, 5):
        drawn = propose(SPACE, tried[:number], 7)
        assert drawn == propose(SPACE, tried[:number], 7) != propose(SPACE, tried[:number], 8)
        assert 1e-4 <= drawn["learning_rate"] <= 1e-2 and drawn["epochs"] in (1, 2, 3)
        assert drawn["learning_rate"] == float(f"{drawn['learning_rate']:.3g}")
    first, second = (propose(SPACE, tried[:number], 7) for number in (1, 2))
    assert first != second
    other = history(ended, (40, 50, 45, 99), (1e-3, 2e-3, 4e-3, 1e-4))
    assert propose(SPACE, other, 7) != propose(SPACE, tried, 7)


def test_the_first_draws_are_spread_and_later_ones_lean_to_what_was_good(ended):
    space = {"learning_rate": SPACE["learning_rate"]}
    rates = [1e-4, 1.5e-4, 2e-4, 3e-4, 3e-3, 4e-3, 6e-3, 9e-3]

    def proposed(rights, number):
        tried = [ended(i, right, learning_rate=rate) for i, (right, rate) in enumerate(zip(rights, rates, strict=True))]
        return statistics.median(propose(space, tried[:number], seed)["learning_rate"] for seed in range(0, 400, 20))

    low_is_good, high_is_good = [80, 79, 78, 77, 10, 11, 12, 13], [10, 11, 12, 13, 80, 79, 78, 77]
    assert proposed(low_is_good, 3) == proposed(high_is_good, 3)  # drawn blindly
    assert proposed(low_is_good, 8) < 1e-3 < proposed(high_is_good, 8)


def test_what_diverged_keeps_draws_away_and_what_failed_otherwise_does_not(ended):
    space = {"learning_rate": SPACE["learning_rate"]}
    done = [
        ended(i, right, learning_rate=rate) for i, (right, rate) in enumerate([(50, 1e-3), (49, 1.5e-3), (20, 1e-4)])
    ]
    done.append(ended(3, 25, learning_rate=2e-4))

    def proposed(state):
        lost = [Trial(4 + i, {"learning_rate": rate}, state) for i, rate in enumerate((5e-3, 7e-3, 9e-3))]
        return statistics.median(propose(space, done + lost, seed)["learning_rate"] for seed in range(0, 200, 10))

    assert proposed(DIVERGED) < 2e-3 < 5e-3 < proposed(FAILED)
