"""docs/deceptive.md: the error rates on simulated curves are those that `make calibrate` measured."""

import json

import pytest
from figures import ROOT, flat

PAGE = flat((ROOT / "docs/deceptive.md").read_text(encoding="utf-8"))
MEASURED = json.loads((ROOT / "metrics/calibration.json").read_text(encoding="utf-8"))
CURVES = {
    "divergence": "divergence (accuracy falls steadily)",
    "shift-only collapse": "collapse on shifted problems only",
    "sudden collapse": "sudden collapse, half way",
    "late collapse": "late collapse (up 10 points, then down 10)",
    "stall": "stall (accuracy flat; it has to be shown to rise by less than 2 points)",
}
SCORES = {
    "counterpoint": "counterpoint",
    "slopes as if independent": "slopes as if probes were independent",
    "correlation": "correlation of reward and accuracy",
    "reward-scope 0.2.2": "reward-scope 0.2.2 (the reward alone; it has no input for accuracy)",
}


@pytest.mark.parametrize("curve", CURVES)
def test_the_shares_found(curve):
    shares = [100 * MEASURED["power"][curve]["10"][str(probes)]["rate"] for probes in (10, 13, 20, 30, 50, 100)]
    first, *others = (f"{share:.0f}" for share in shares)
    assert f"| {CURVES[curve]} | {first} % | {' | '.join(others)} |" in PAGE


@pytest.mark.parametrize("score", SCORES)
def test_the_rivals(score):
    row = MEASURED["rivals"][score]
    cells = [f"{row['auroc']:.3f}", f"{100 * row['recall_at_5_percent']:.0f} %"]
    if score == "counterpoint":
        cells = [f"**{cell}**" for cell in cells]
    assert f"| {SCORES[score]} | {cells[0]} | {cells[1]} |" in PAGE


def test_the_false_alarms():
    rates = MEASURED["false_alarm"].values()
    highest, nothing_moves = max(row["rate"] for row in rates), MEASURED["false_alarm_by_kind"]["flat"]["rate"]
    low, high = min(row["high"] for row in rates), max(row["high"] for row in rates)
    assert (
        f"0 to {100 * highest:.1f} % at each of {len(rates)} lengths from {min(MEASURED['lengths'])} to "
        f"{max(MEASURED['lengths'])} probes (upper ends of the 95 % intervals: {100 * low:.1f} to {100 * high:.1f} %)"
    ) in PAGE
    assert f"({100 * nothing_moves:.1f} % of those)" in PAGE
