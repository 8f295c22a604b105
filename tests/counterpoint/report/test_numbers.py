import pytest

from counterpoint.report.numbers import mean_of, outer_quarters, ranks, smoothed, spearman


def test_ties_share_their_mean_rank():
    assert ranks([3.0, 1.0, 3.0, 2.0]) == [3.5, 1.0, 3.5, 2.0]


def test_spearman_sees_order_alone_and_refuses_what_it_cannot_say():
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]) == pytest.approx(1.0)
    assert spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(0.8)
    assert spearman([1, 2], [1, 2]) is None
    assert spearman([1, 2, 3], [5, 5, 5]) is None


def test_the_moving_mean_is_centred_and_shortened_at_the_ends():
    assert smoothed([0.0, 3.0, 6.0, 0.0], 3) == [1.5, 3.0, 3.0, 3.0]


def test_a_mean_has_bounds_at_1_96_standard_errors():
    found = mean_of([1.0, 2.0, 3.0, 6.0])
    half = 1.959964 * (14 / 3 / 4) ** 0.5
    assert (found.mean, found.low, found.high) == pytest.approx((3.0, 3.0 - half, 3.0 + half), abs=1e-5)


def test_the_outer_quarters_need_four_values_each():
    first, last = outer_quarters([*[0.0] * 4, *[9.0] * 9, *[1.0] * 4])  # of 17: four and four
    assert (first.mean, last.mean) == (0.0, 1.0)
    assert outer_quarters([0.0] * 15) is None
