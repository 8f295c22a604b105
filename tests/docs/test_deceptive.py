"""docs/deceptive.md: its figures on simulated curves are those that `make calibrate` and `make league` measured."""

import json

import pytest
from figures import ROOT, SMALL_NUMBERS, flat

from bench.calibration import coverage
from bench.calibration.curves import KINDS
from bench.league.__main__ import tables

LINES = (ROOT / "docs/deceptive.md").read_text(encoding="utf-8").splitlines()
PAGE = flat("\n".join(LINES))
MEASURED = json.loads((ROOT / "metrics/calibration.json").read_text(encoding="utf-8"))
CURVES = {
    "divergence": "divergence (accuracy falls steadily)",
    "shift-only collapse": "collapse on shifted problems only",
    "sudden collapse": "sudden collapse, half way",
    "late collapse": "late collapse (up 10 points, then down 10)",
    "stall": "stall (accuracy flat)",
}
LEAGUE = json.loads((ROOT / "metrics/league.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("curve", CURVES)
def test_the_shares_found(curve):
    shares = [100 * MEASURED["power"][curve]["10"][str(probes)]["rate"] for probes in (10, 13, 20, 30, 50, 100)]
    first, *others = (f"{share:.0f}" for share in shares)
    assert f"| {CURVES[curve]} | {first} % | {' | '.join(others)} |" in PAGE


@pytest.mark.parametrize("row", [row for row in tables(LEAGUE).splitlines() if row])
def test_the_league(row):
    assert row in LINES


def test_the_runs_of_the_league():
    honest = sum(not kind.deceptive for kind in KINDS.values())
    assert f"{LEAGUE['honest']:,} honest and {LEAGUE['deceptive']:,} deceptive ones, " in PAGE
    assert f"the first {SMALL_NUMBERS[honest]} are honest" in PAGE
    assert not LEAGUE["missing"] and list(LEAGUE["methods"]["counterpoint"]["points"]) == ["verdict `deceptive`"]


def test_the_difference_at_each_length():
    cells = LEAGUE["methods"]["rldoctor"]["points"]["CRITICAL"]["ours"]["by_length"]
    assert list(cells) == ["12", "20", "40"]
    gains = [{name: 100 * share for name, share in cell["gain"].items()} for cell in cells.values()]
    first, second, third = ("{value:+.1f} ({low:+.1f} to {high:+.1f})".format(**gain) for gain in gains)
    claim = f"ours and rldoctor's CRITICAL differ by {first}, {second} and {third} points at 12, 20 and 40 probes."
    assert claim.replace("-", "−") in PAGE


def test_the_false_alarms():
    rates = MEASURED["false_alarm"].values()
    highest, nothing_moves = max(row["rate"] for row in rates), MEASURED["false_alarm_by_kind"]["flat"]["rate"]
    low, high = min(row["high"] for row in rates), max(row["high"] for row in rates)
    assert (
        f"0 to {100 * highest:.1f} % at each of {len(rates)} lengths from {min(MEASURED['lengths'])} to "
        f"{max(MEASURED['lengths'])} probes (upper ends of the 95 % intervals: {100 * low:.1f} to {100 * high:.1f} %)"
    ) in PAGE
    assert f"({100 * nothing_moves:.1f} % of those)" in PAGE


@pytest.mark.parametrize("row", coverage.table(MEASURED["coverage"]).splitlines())
def test_the_coverage(row):
    assert row in LINES


def test_the_onsets_and_what_is_called_aligned():
    shares = [f"{100 * MEASURED['onset'][kind]['rate']:.0f}" for kind in ("divergence", "stall", "late collapse")]
    assert f"contain it in {shares[0]}, {shares[1]} and {shares[2]} % of" in PAGE
    aligned = MEASURED["aligned"]
    assert f"{round(aligned['rate'] * aligned['n'])} of {aligned['n']:,} deceptive curves are called aligned" in PAGE
