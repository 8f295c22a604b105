"""What is searched of an arm: its section's ranges and its own, each with the value that it has now.

Proposals lie inside the ranges, are the same from the same history, and lean towards what was good.
"""

import copy
import statistics

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import Range
from counterpoint.tuning import space
from counterpoint.tuning.space import propose
from counterpoint.tuning.trial import DIVERGED, FAILED, Trial

SPACE = {"learning_rate": Range(1e-4, 1e-2, True), "epochs": Range(choices=[1, 2, 3])}


def refused(data, arm="sft"):
    with pytest.raises(UserError) as caught:
        space.ranges(params.parse(data), arm)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def edited(data):
    """The study's mappings, and its section `tune` to change."""
    own = copy.deepcopy(data)
    return own, own["tune"]


def test_an_arm_has_the_ranges_of_its_section_and_its_own_in_their_place(edited):
    data, tune = edited
    tune["sft"] = {"learning_rate": {"low": 0.001, "high": 0.01, "log": True}, "epochs": {"choices": [1, 2]}}
    tune["arms"] = {"sft_lora": {"epochs": None, "weight_decay": {"low": 0.0, "high": 0.1}}, "dft": {}}
    settings = params.parse(data)
    assert space.ranges(settings, "sft_lora") == {
        "learning_rate": Range(0.001, 0.01, True), "weight_decay": Range(0.0, 0.1)
    }  # fmt: skip
    assert list(space.ranges(settings, "dft")) == ["learning_rate", "epochs"]
    assert space.values(settings, "dft", space.ranges(settings, "dft")) == {"learning_rate": 0.002, "epochs": 1}
    assert "beta" in space.ranges(settings, "sft_then_rl") and "beta" in space.ranges(settings, "chord_mu")


def test_an_option_of_the_method_is_searched_where_the_method_has_it(edited):
    data, tune = edited
    tune["arms"] = {
        "chord_mu": {"options.first": {"choices": [0.3, 0.9]}},
        "sft": {"options.first": {"choices": [1, 2]}},
    }
    settings = params.parse(data)
    found = space.ranges(settings, "chord_mu")
    assert space.values(settings, "chord_mu", found)["options.first"] == 0.3
    assert "tune.arms.sft.options.first" in refused(data) and "options of the method 'sft'" in refused(data)


def test_a_key_that_does_not_exist_names_its_neighbour(edited):
    data, tune = edited
    tune["sft"] = {"learning_rat": {"choices": [1, 2]}}
    assert "tune.sft.learning_rat" in refused(data) and "did you mean 'learning_rate'" in refused(data)
    tune["sft"] = {}
    assert "nothing to search for arm 'sft'" in refused(data)


@pytest.mark.parametrize(
    "range_",
    [
        {"low": 0.01, "high": 0.001}, {"low": 0.0, "high": 0.1, "log": True}, {"low": 0.001}, {}, {"choices": [0.002]},
        {"choices": [0.002, 0.002]}, {"low": 0.001, "high": 0.01, "choices": [0.002, 0.003]},
    ],
)  # fmt: skip
def test_what_is_no_range_is_refused(edited, range_):
    data, tune = edited
    tune["sft"] = {"learning_rate": range_}
    assert "tune.sft.learning_rate must be" in refused(data)


@pytest.mark.parametrize("range_", [{"low": 0.003, "high": 0.01}, {"choices": [0.001, 0.003]}])
def test_a_range_without_the_value_of_now_is_refused(edited, range_):
    data, tune = edited
    tune["sft"] = {"learning_rate": range_}
    assert "leaves out 0.002, the value that arm 'sft' has now" in refused(data)


def test_the_parameters_of_a_trial_differ_in_its_arm_alone(data):
    drawn, before = {"learning_rate": 1e-4, "options.first": 0.5}, copy.deepcopy(data)
    changed = space.changed(data, "chord_mu", drawn)
    settings = params.parse(changed)
    assert params.settings(settings, "chord_mu").learning_rate == 1e-4
    assert params.options(settings, "chord_mu").first == 0.5 and params.options(settings, "chord_mu").last == 0.05
    assert params.settings(settings, "rl") == params.settings(params.parse(data), "rl")
    assert data == before


def test_the_middle_is_the_mean_of_what_is_drawn():
    assert space.middle(Range(choices=[1, 2, 3])) == 2 and space.middle(Range(1, 2)) == 1.5
    assert space.middle(Range(1.0, 10.0, True)) == pytest.approx(9 / 2.302585, rel=1e-5)
    assert space.corners({"a": Range(1, 2), "b": Range(choices=[3])}) == [{"a": 1}, {"a": 2}, {"b": 3}]


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
