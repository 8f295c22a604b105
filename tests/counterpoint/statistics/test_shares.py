"""Shares of items: published intervals, textbook p values, every subset, statsmodels, and the warehouse's macros."""

import itertools
import math
import subprocess
import sys

import duckdb
import numpy as np
import pytest

from counterpoint.statistics import holm, mcnemar, pass_at_k, wilson_interval


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_that_of_newcombes_table(correct, n, low, high):
    # Statistics in Medicine 17 (1998) 857, table I, method 3
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_wilsons_interval_by_hand_and_at_the_ends():
    # z² = 3.841459: centre (5 + 1.920729) / 13.841459 = 0.5, half 1.959964 √(2.5 + 0.960365) / 13.841459 = 0.263407
    assert wilson_interval(5, 10) == pytest.approx((0.236593, 0.763407), abs=1e-6)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 7)[0] == 0.0 and wilson_interval(7, 7)[1] == 1.0
    narrow, wide = wilson_interval(30, 100, 0.9), wilson_interval(30, 100, 0.99)
    assert wide[0] < narrow[0] < 0.3 < narrow[1] < wide[1]


@pytest.mark.parametrize(("correct", "n", "confidence"), [(4, 3, 0.95), (-1, 3, 0.95), (0, -1, 0.95), (1, 3, 1.0)])
def test_wilsons_interval_refuses_what_is_no_share(correct, n, confidence):
    with pytest.raises(ValueError, match="must lie between"):
        wilson_interval(correct, n, confidence)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_wilsons_interval_agrees_with_statsmodels(confidence):
    from statsmodels.stats.proportion import proportion_confint

    for n in (1, 2, 17, 512, 100_000):
        for correct in {0, 1, n // 3, n // 2, n}:
            theirs = proportion_confint(correct, n, alpha=1 - confidence, method="wilson")
            assert wilson_interval(correct, n, confidence) == pytest.approx(theirs, abs=1e-9)


def test_the_warehouse_has_the_same_interval(root):
    with duckdb.connect() as db:
        db.execute((root / "counterpoint/warehouse/sql/macros.sql").read_text(encoding="utf-8"))
        rows = db.execute(
            "select k, n, wilson_low(k, n), wilson_high(k, n) from range(600) a(k), range(600) b(n) "
            "where k <= n and (n < 12 or (k + n) % 97 = 0 or k in (0, n))"
        ).fetchall()
    assert len(rows) > 2000 and (0, 0, 0.0, 1.0) in rows
    for correct, n, low, high in rows:
        assert (low, high) == pytest.approx(wilson_interval(correct, n), abs=1e-9)


def paired(first_only: int, second_only: int, both: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two runs' verdicts (items,): so many items that the first, the second, or both got right, and one neither."""
    first = np.repeat([1, 0, 1, 0], [first_only, second_only, both, 1])
    return first, np.repeat([0, 1, 1, 0], [first_only, second_only, both, 1])


def test_mcnemars_p_is_that_of_the_textbook():
    # R's exact2x2, vignette exactMcNemar: 9 and 2 discordant pairs, p = 0.06543 = 2 (1 + 11 + 55) / 2048
    assert mcnemar(*paired(9, 2)) == pytest.approx(134 / 2048, abs=1e-12)
    assert mcnemar(*paired(0, 6)) == pytest.approx(2 / 64)
    assert mcnemar(*paired(0, 0)) == mcnemar(*paired(4, 4)) == mcnemar(*paired(1, 0)) == 1.0
    assert mcnemar([True, False], [False, False]) == 1.0


def test_mcnemars_p_agrees_with_statsmodels():
    from statsmodels.stats import contingency_tables

    for first_only, second_only in [(3, 9), (9, 3), (1, 0), (40, 62), (512, 430)]:
        theirs = contingency_tables.mcnemar([[100, first_only], [second_only, 1]], exact=True).pvalue
        assert mcnemar(*paired(first_only, second_only, both=100)) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [([1, 0], [1]), ([], []), ([0.5, 1], [1, 1]), ([[1]], [[1]])])
def test_mcnemar_refuses_what_are_not_paired_verdicts(first, second):
    with pytest.raises(ValueError, match="verdict"):
        mcnemar(first, second)


def test_holms_adjustment_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, then never falling: 0.02, 0.03, 0.06, 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]).tolist() == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0] and len(holm([])) == 0


def test_holm_agrees_with_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(1).random(25) ** 3
    assert holm(p).tolist() == pytest.approx(multipletests(p, method="holm")[1].tolist(), abs=1e-9)


def test_a_family_of_true_nulls_is_wrongly_rejected_at_most_one_time_in_twenty():
    p = np.random.default_rng(2).random((4000, 7))
    wrong = np.mean([(holm(row) < 0.05).any() for row in p])
    assert 0.03 < wrong < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize("p", [[1.1], [-0.1, 0.5], [[0.1]], [math.nan]])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="p values"):
        holm(p)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_pass_at_k_is_the_share_of_subsets_with_a_hit(k):
    subsets = list(itertools.combinations(range(6), k))
    shares = [np.mean([min(subset) < correct for subset in subsets]) for correct in range(7)]
    assert pass_at_k(range(7), 6, k).tolist() == pytest.approx(shares)


def test_pass_at_k_is_stable_for_many_samples():
    assert pass_at_k([1, 0, 1024], 1024, 64).tolist() == pytest.approx([64 / 1024, 0, 1])
    assert pass_at_k([10], 200, 100)[0] == pytest.approx(1 - np.prod([(100 - j) / (200 - j) for j in range(10)]))
    assert pass_at_k([], 4, 2).shape == (0,)


@pytest.mark.parametrize(
    ("counts", "n", "k", "message"),
    [([1], 4, 8, "@8 needs"), ([1], 4, 0, "@0 needs"), ([5], 4, 2, "between 0 and 4"), ([-1], 4, 2, "between 0 and 4")],
)
def test_more_than_was_sampled_is_refused(counts, n, k, message):
    with pytest.raises(ValueError, match=message):
        pass_at_k(counts, n, k)


def test_the_room_is_entered_without_heavy_libraries(root):
    code = "import sys, counterpoint.statistics; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert "'numpy'" in done.stdout
    assert not any(f"'{name}'" in done.stdout for name in ("scipy", "statsmodels", "arch", "pandas", "torch"))
