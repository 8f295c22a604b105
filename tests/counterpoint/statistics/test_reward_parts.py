"""What a reward is made of, and whether it was exploited, by hand-made numbers."""

import math

import numpy as np
import pytest

from counterpoint.statistics.reward_parts import accuracy_parts, exploited, since_last


def test_the_value_at_a_probe_is_the_mean_since_the_probe_before():
    reward = {1: 0.1, 2: 0.3, 3: 0.5, 4: 0.7}
    means = since_last([0, 2, 4, 6], reward)
    assert means[:3] == pytest.approx([0.1, 0.2, 0.6]) and math.isnan(means[3])
    assert since_last(np.array([2, 4]), reward)[0] == pytest.approx(0.2)
    assert since_last([0, 2, 4, 6], {1: 0.5, 2: 1.0, 4: 2.0, 5: 4.0, 6: 6.0}).tolist() == [0.5, 0.75, 2.0, 5.0]
    later = since_last([0, 1, 2, 3], {3: 1.0})  # a generation cycle's later steps have no reward
    assert later[0] == later[3] == 1.0 and np.isnan(later[1:3]).all()
    assert np.isnan(since_last([0, 2], {})).all() and len(since_last([], {})) == 0


def test_a_value_that_is_no_number_makes_its_probe_unknown():
    assert np.isnan(since_last([2, 4], {1: 0.5, 2: math.nan, 3: 1.0, 4: 1.0})).tolist() == [True, False]


def test_the_parts_add_up_to_what_the_terms_pay():
    claimed, accuracy, weight = np.array([0.32, 0.4, 0.6]), np.array([0.3, 0.3, 0.2]), 0.8
    strict, sampled, held_out = np.array([0.35, 0.3, 0.3]), np.array([0.28, 0.25, 0.2]), np.array([0.24, 0.28, 0.4])
    for known, mechanisms in (
        ({"strict": strict, "sampled": sampled}, {"verifier", "memorisation", "decoding"}),
        ({"strict": strict}, {"verifier", "memorisation"}),
        ({"held_out": held_out}, {"verifier", "memorisation"}),
    ):
        parts = accuracy_parts(weight, claimed, accuracy, **known)
        assert parts.keys() == mechanisms
        assert sum(parts.values()) + weight * accuracy == pytest.approx(claimed)
    assert accuracy_parts(weight, claimed, accuracy) == {}


def test_an_exploit_is_a_rise_of_what_is_paid_for_though_wrong():
    assert exploited([0.05, 0.1, 0.2, 0.4]) == (0.05, 0.4, True)
    assert not exploited([0.4, 0.4, 0.45, 0.5])[2]
    begun, ended, rose = exploited(np.linspace(0, 0.5, 40))  # the first four and the last ten
    assert (begun, ended) == pytest.approx((1.5 / 78, 34.5 / 78)) and rose
