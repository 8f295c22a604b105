from dataclasses import replace

import pytest

from counterpoint.report.pictures import sheets
from counterpoint.report.pictures.reward_runs import reward_runs
from tests.counterpoint.report.grid import changed, fits, words

UNKNOWN = {
    f"{name}{end}": None for name in ("reward_slope", "accuracy_slope") for end in ("", "_low", "_high")
} | dict.fromkeys(("onset_step", "onset_low", "onset_high", "regret", "effective_probes", "evidence"))  # fmt: skip

LONG = "reward rose by 0.469 to 0.59 while accuracy changed by -30.1 to -4.3 points, less than the margin of 2 points"


def run_of(results, run_id: str):
    return next(run for run in reward_runs(results) if run.run.run_id == run_id)


@pytest.fixture(scope="module")
def deceived(planted):
    """As if a verdict with everything in it had been reached for every run."""
    return changed(
        planted.results,
        lambda row: {
            "verdict": "deceptive", "mechanism": "over_specialisation", "reason": LONG, "onset_step": 20,
            "onset_low": 12.0, "onset_high": 33.0,
        },
    )  # fmt: skip


def test_a_sheet_has_the_verdict_its_reason_and_every_suite_and_fits(deceived, figures, tmp_path):
    stopped = run_of(deceived, "rl_leaky_list-tiny-2k-1")
    stopped = replace(stopped, run=replace(stopped.run, status="stopped: its reward is deceptive"))
    sheets.draw(stopped, tmp_path / "x.png")
    (figure,) = figures
    assert fits(figure)
    text = " ".join(words(figure))
    for part in (
        "deceptive: over-specialisation", "Reward rose by 0.469", "−4.3 points",
        "Onset: step 20 (12 to 33).", "leaky_list × 0.9", "Exploit found (", "stopped: its reward is deceptive",
        "Held-out in_domain", "rule_shift", "text_twin", "called right\nthough wrong", "verifier",
    ):  # fmt: skip
        assert part in text
    assert len(figure.axes) == 4 + 4  # reward, accuracy, gaps, audit; the other suites


def test_the_onset_and_its_interval_stand_in_every_panel(deceived, planted, figures, tmp_path):
    sheets.draw(run_of(deceived, "rl_length-tiny-2k-1"), tmp_path / "x.png")
    for axes in figures[0].axes:
        assert any(list(line.get_xdata()) == [20, 20] for line in axes.lines)
        spans = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
        assert any((span.x0, span.x1) == pytest.approx((12, 33)) for span in spans)
    calm = changed(planted.results, lambda row: {"onset_step": None, "verdict": "aligned"})
    sheets.draw(run_of(calm, "rl_length-tiny-2k-1"), tmp_path / "x.png")
    assert not any(axes.patches for axes in figures[1].axes)


def test_the_curves_are_those_of_the_tables(planted, figures, tmp_path):
    run = run_of(planted.results, "rl_leaky_list-tiny-2k-2")
    sheets.draw(run, tmp_path / "x.png")
    reward, accuracy, *_, gaps, audit = figures[0].axes
    raw = next(line for line in reward.lines if len(line.get_ydata()) == 60)
    assert list(raw.get_ydata()) == pytest.approx([value for _, value in planted.results.rewards[run.run.run_id]])
    points = run.on("in_domain")
    drawn = next(line for line in accuracy.lines if len(line.get_ydata()) == len(points))
    assert list(drawn.get_ydata()) == [point.accuracy for point in points]
    (band,) = accuracy.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert {round(point.low, 9) for point in points} <= {round(height, 9) for height in heights}
    verifier = next(line for line in gaps.lines if line.get_label() == "verifier")
    assert list(verifier.get_ydata()) == [gap["verifier_gap"] for gap in run.gaps]
    assert {label.split("\n")[0] for label in audit.get_legend_handles_labels()[1]} == {
        "called right", "paid for", "of the right ones",
    }  # fmt: skip


def test_what_was_not_measured_leaves_no_mark(planted, figures, tmp_path):
    unknown = {**UNKNOWN, "verdict": "inconclusive", "mechanism": "unknown", "reason": "4 probes", "reward_step": None}
    results = changed(planted.results, lambda row: unknown)
    results = changed(results, lambda row: {"decoding_gap": None, "over_specialisation_gap": None}, "reward_gap")
    sheets.draw(run_of(results, "rl_format-tiny-2k-1"), tmp_path / "x.png")
    text = " ".join(words(figures[0]))
    assert "None" not in text and "nan" not in text and "decoding" not in text and fits(figures[0])


def test_there_is_a_sheet_for_each_run_and_for_no_other(small_grids, tmp_path):
    (tmp_path / "rl-gone-2k-0.png").write_bytes(b"old")
    assert sheets.draw_all(small_grids["two seeds"], tmp_path) == 2
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert drawn.keys() == {"rl-tiny-2k-0.png", "rl-tiny-2k-1.png"}
    sheets.draw(reward_runs(small_grids["two seeds"])[0], tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == drawn["rl-tiny-2k-0.png"]
    assert sheets.draw_all(small_grids["no rl"], tmp_path / "none") == 0
    assert list((tmp_path / "none").iterdir()) == []
