import pytest

from counterpoint.report.numbers import change, count, mean_series, moving_mean, p_value, percent, signed


def test_what_is_not_there_is_a_dash():
    assert [show(None) for show in (percent, signed, count)] == ["–"] * 3
    assert change(None, 0.1, 0.2) == "–"


def test_numbers_have_their_sign_and_zero_has_none_that_counts():
    assert (signed(-3.04), signed(-0.04), signed(0.25, 2), signed(-2, 0)) == ("−3.0", "+0.0", "+0.25", "−2")
    assert (percent(0.1234), count(20000.4), p_value(0.0004), p_value(0.5)) == ("12.3", "20,000", "< 0.001", "0.500")
    assert change(0.05, -0.01, 0.11, times=100) == "+5.0 (−1.0 to +11.0)"
    assert change(0.05, None, 0.11, places=2) == "+0.05"


def test_the_moving_mean_is_centred_and_shortened_at_the_ends():
    steps, values = moving_mean([(1, 0.0), (2, 3.0), (5, 6.0), (6, 0.0)])
    assert (steps, values) == ([1, 2, 5, 6], [1.5, 3.0, 3.0, 3.0])
    _, values = moving_mean([(step, float(step == 30)) for step in range(61)])  # over five of sixty-one
    assert values[30] == pytest.approx(0.2) and sum(value > 0 for value in values) == 5


def test_the_mean_over_seeds_is_at_steps_that_all_have():
    assert mean_series([[(1, 0.0), (2, 1.0), (4, 3.0)], [(1, 1.0), (4, 5.0), (5, 9.0)]]) == [(1, 0.5), (4, 4.0)]
