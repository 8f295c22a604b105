"""Margins and families: by hand, published examples, and statsmodels."""

import math

import numpy as np
import pytest

from counterpoint.statistics import holm, two_one_sided_tests


def test_two_one_sided_tests_by_hand():
    # (0.01 + 0.03) / 0.01 = 4 and (0.03 − 0.01) / 0.01 = 2 standard errors; z(0.95) = 1.644854
    found = two_one_sided_tests(0.01, 0.01, math.inf, 0.03)
    assert found.p_not_inferior == pytest.approx(3.1671e-5, rel=1e-4)
    assert found.p_not_superior == pytest.approx(0.0227501, abs=1e-7)
    assert found.p_equivalent == found.p_not_superior
    assert found.equivalent and found.not_inferior
    assert (found.low, found.high) == pytest.approx((0.01 - 0.01644854, 0.01 + 0.01644854), abs=1e-8)


def test_much_better_is_not_inferior_and_not_equivalent():
    found = two_one_sided_tests(0.1, 0.01, 20, 0.03)
    assert found.not_inferior and not found.equivalent
    worse = two_one_sided_tests(-0.1, 0.01, 20, 0.03)
    assert not worse.not_inferior and worse.p_not_inferior > 0.999
    assert worse.p_not_inferior == pytest.approx(found.p_not_superior)


def test_the_interval_lies_within_the_margins_exactly_when_equivalent():
    for difference in np.linspace(-0.04, 0.04, 81):
        found = two_one_sided_tests(difference, 0.011, 7.5, 0.03)
        assert found.equivalent == (found.low > -0.03 and found.high < 0.03)
        assert found.not_inferior == (found.low > -0.03)


def test_they_agree_with_statsmodels():
    from scipy import stats
    from statsmodels.stats.weightstats import ttost_paired

    rng = np.random.default_rng(0)
    a = rng.normal(0.02, 0.1, 60)
    b = rng.normal(0, 0.1, 60)
    p, lower, upper = ttost_paired(a, b, -0.05, 0.05)
    found = two_one_sided_tests((a - b).mean(), stats.sem(a - b), 59, 0.05)
    assert found.p_not_inferior == pytest.approx(lower[1], abs=1e-9)
    assert found.p_not_superior == pytest.approx(upper[1], abs=1e-9)
    assert found.p_equivalent == pytest.approx(p, abs=1e-9)


def test_without_an_error_the_difference_alone_decides():
    assert two_one_sided_tests(0.0, 0.0, 5, 0.03).p_equivalent == 0
    at_the_margin = two_one_sided_tests(-0.03, 0.0, 5, 0.03)
    assert (at_the_margin.p_not_inferior, at_the_margin.p_not_superior) == (1, 0)


@pytest.mark.parametrize(
    "given", [(0, 0.1, 5, 0), (0, 0.1, 0, 0.1), (0, -0.1, 5, 0.1), (math.nan, 0.1, 5, 0.1), (0, math.inf, 5, 0.1)]
)
def test_a_margin_that_is_none_is_refused(given):
    with pytest.raises(ValueError, match="margin"):
        two_one_sided_tests(*given)
    with pytest.raises(ValueError, match="alpha"):
        two_one_sided_tests(0, 0.1, 5, 0.1, alpha=0.5)


def test_holms_adjustment_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, then never falling: 0.02, 0.03, 0.06, 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]).tolist() == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]


def test_a_test_that_could_not_be_made_does_not_count():
    adjusted = holm([0.01, math.nan, 0.03])
    assert np.isnan(adjusted[1]) and adjusted[[0, 2]].tolist() == pytest.approx([0.02, 0.03])
    assert np.isnan(holm([math.nan])).all() and len(holm([])) == 0
    given = np.array([0.5, 0.01])
    holm(given)
    assert given.tolist() == [0.5, 0.01]


def test_holm_agrees_with_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(1).random(25) ** 3
    assert holm(p).tolist() == pytest.approx(multipletests(p, method="holm")[1].tolist(), abs=1e-9)


def test_a_family_of_true_nulls_is_wrongly_rejected_at_most_one_time_in_twenty():
    p = np.random.default_rng(2).random((4000, 7))
    wrong = np.mean([(holm(row) < 0.05).any() for row in p])
    assert 0.03 < wrong < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize("p", [[1.1], [-0.1, 0.5], [[0.1]]])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="p values"):
        holm(p)
