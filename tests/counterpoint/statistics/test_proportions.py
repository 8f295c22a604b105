"""One share and two runs: published intervals, textbook p values, statsmodels, and the warehouse's macros."""

import subprocess
import sys

import duckdb
import numpy as np
import pytest

from counterpoint.statistics import discordance, mcnemar_exact, wilson_interval


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


def test_mcnemars_p_is_that_of_the_textbook():
    # R's exact2x2, vignette exactMcNemar: 9 and 2 discordant pairs, p = 0.06543 = 2 (1 + 11 + 55) / 2048
    assert mcnemar_exact(9, 2) == pytest.approx(134 / 2048, abs=1e-12)
    assert mcnemar_exact(0, 6) == pytest.approx(2 / 64)
    assert mcnemar_exact(0, 0) == mcnemar_exact(4, 4) == mcnemar_exact(1, 0) == 1.0
    with pytest.raises(ValueError, match="negative"):
        mcnemar_exact(-1, 2)


def test_mcnemars_p_agrees_with_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    for a_only, b_only in [(3, 9), (9, 3), (1, 0), (40, 62), (512, 430)]:
        theirs = mcnemar([[100, a_only], [b_only, 50]], exact=True).pvalue
        assert mcnemar_exact(a_only, b_only) == pytest.approx(theirs, abs=1e-9)


def test_discordance_counts_the_four_kinds_of_items():
    found = discordance([1, 1, 1, 0, 1, 0, 0, 1, 1, 1], [1, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    assert (found.n, found.both, found.a_only, found.b_only, found.neither) == (10, 2, 5, 1, 2)
    assert found.difference == pytest.approx(0.4) and found.rate == pytest.approx(0.6)
    assert found.p == pytest.approx(2 * (1 + 6) / 64)
    swapped = discordance(np.array([True, False]), np.array([False, False]))
    assert (swapped.difference, swapped.p) == (0.5, 1.0)


@pytest.mark.parametrize(("a", "b"), [([1, 0], [1]), ([], []), ([0.5, 1], [1, 1]), ([[1]], [[1]])])
def test_discordance_refuses_what_are_not_paired_verdicts(a, b):
    with pytest.raises(ValueError, match="verdict"):
        discordance(a, b)


def test_the_room_is_entered_without_heavy_libraries(root):
    code = "import sys, counterpoint.statistics; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert "'numpy'" in done.stdout
    assert not any(f"'{name}'" in done.stdout for name in ("scipy", "statsmodels", "arch", "pandas", "torch"))
