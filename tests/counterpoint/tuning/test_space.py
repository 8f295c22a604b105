"""What is searched of an arm: its section's ranges and its own, each with the value that it has now."""

import copy

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import Range
from counterpoint.tuning import space


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
