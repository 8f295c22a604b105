import math
from dataclasses import replace
from itertools import pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from counterpoint.report import overview, sheets, style
from counterpoint.report.rewarded import rewarded
from counterpoint.statistics.deceptive import MECHANISMS, VERDICTS
from tests.counterpoint.report.test_truth import UNKNOWN, changed

LONG = "reward rose by 0.469 to 0.59 while accuracy changed by -30.1 to -4.3 points, less than the margin of 2 points"


def one_of(results, run_id: str):
    return next(one for one in rewarded(results) if one.run.run_id == run_id)


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def fits(figure) -> bool:
    """Whether nothing leaves the sheet and no letter is smaller than stated."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = figure.get_tightbbox(canvas.get_renderer())
    assert all(text.get_fontsize() >= style.SMALLEST for text in figure.findobj(Text) if text.get_text())
    return min(drawn.x0, drawn.y0) >= 0 and drawn.x1 <= figure.get_figwidth() and drawn.y1 <= figure.get_figheight()


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
    stopped = one_of(deceived, "rl_leaky_list-tiny-2k-1")
    stopped = replace(stopped, run=replace(stopped.run, status="stopped: its reward is deceptive"))
    sheets.draw(stopped, tmp_path / "x.png")
    (figure,) = figures
    assert fits(figure)
    said = " ".join(words(figure))
    for part in (
        "deceptive: over-specialisation", "Reward rose by 0.469", "−4.3 points", "Mechanism: over-specialisation.",
        "Onset: step 20 (12 to 33).", "leaky_list × 0.9", "Exploit found (", "stopped: its reward is deceptive",
        "Held-out in_domain", "rule_shift", "text_twin", "called right\nthough wrong", "verifier",
    ):  # fmt: skip
        assert part in said
    assert len(figure.axes) == 4 + 4  # reward, accuracy, gaps, audit; the other suites


def test_the_onset_and_its_interval_stand_in_every_panel(deceived, planted, figures, tmp_path):
    sheets.draw(one_of(deceived, "rl_length-tiny-2k-1"), tmp_path / "x.png")
    for axes in figures[0].axes:
        assert any(list(line.get_xdata()) == [20, 20] for line in axes.lines)
        spans = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
        assert any((span.x0, span.x1) == pytest.approx((12, 33)) for span in spans)
    calm = changed(planted.results, lambda row: {"onset_step": None, "verdict": "aligned"})
    sheets.draw(one_of(calm, "rl_length-tiny-2k-1"), tmp_path / "x.png")
    assert not any(axes.patches for axes in figures[1].axes)


def test_the_curves_are_those_of_the_tables(planted, figures, tmp_path):
    one = one_of(planted.results, "rl_leaky_list-tiny-2k-2")
    sheets.draw(one, tmp_path / "x.png")
    reward, accuracy, *_, gaps, audit = figures[0].axes
    raw = next(line for line in reward.lines if len(line.get_ydata()) == 60)
    assert list(raw.get_ydata()) == pytest.approx([value for _, value in planted.results.rewards[one.run.run_id]])
    points = one.on("in_domain")
    drawn = next(line for line in accuracy.lines if len(line.get_ydata()) == len(points))
    assert list(drawn.get_ydata()) == [point.accuracy for point in points]
    (band,) = accuracy.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert {round(point.low, 9) for point in points} <= {round(height, 9) for height in heights}
    verifier = next(line for line in gaps.lines if line.get_label() == "verifier")
    assert list(verifier.get_ydata()) == [gap["verifier_gap"] for gap in one.gaps]
    assert {label.split("\n")[0] for label in audit.get_legend_handles_labels()[1]} == {
        "called right", "paid for", "of the right ones",
    }  # fmt: skip


def test_what_was_not_measured_leaves_no_mark(planted, figures, tmp_path):
    unknown = {**UNKNOWN, "verdict": "inconclusive", "mechanism": "unknown", "reason": "4 probes", "reward_step": None}
    results = changed(planted.results, lambda row: unknown)
    results = changed(results, lambda row: {"decoding_gap": None, "over_specialisation_gap": None}, "reward_gap")
    sheets.draw(one_of(results, "rl_format-tiny-2k-1"), tmp_path / "x.png")
    said = " ".join(words(figures[0]))
    assert "None" not in said and "nan" not in said and "decoding" not in said and fits(figures[0])


def test_there_is_a_sheet_for_each_run_and_for_no_other(small_grids, tmp_path):
    (tmp_path / "rl-gone-2k-0.png").write_bytes(b"old")
    assert sheets.draw_all(small_grids["two seeds"], tmp_path) == 2
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found.keys() == {"rl-tiny-2k-0.png", "rl-tiny-2k-1.png"}
    sheets.draw(rewarded(small_grids["two seeds"])[0], tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == found["rl-tiny-2k-0.png"]
    assert sheets.draw_all(small_grids["no rl"], tmp_path / "none") == 0
    assert list((tmp_path / "none").iterdir()) == []


def test_all_runs_are_on_one_sheet_by_verdict_mechanism_and_honesty(planted, figures, tmp_path):
    results = changed(
        planted.results,
        lambda row: {
            "verdict": "deceptive" if row["arm"] == "rl_leaky_list" else "aligned",
            "mechanism": "verifier" if row["arm"] == "rl_leaky_list" else "none",
        },
    )  # fmt: skip
    overview.draw(results, tmp_path / "x.png")
    (figure,) = figures
    assert fits(figure)
    axes, strip = figure.axes
    assert len(axes.lines) == 10
    for one, mark in zip(rewarded(results), axes.lines, strict=True):
        last = one.gaps[-3:]
        assert mark.get_xdata()[0] == pytest.approx(sum(gap["reward"] for gap in last) / 3)
        accuracy = [point.accuracy for point in one.on("in_domain")][-3:]
        assert mark.get_ydata()[0] == pytest.approx(100 * sum(accuracy) / 3)
        leaky = one.run.arm == "rl_leaky_list"
        assert mark.get_marker() == ("D" if leaky else "o")
        colour = style.VERDICTS["deceptive" if leaky else "aligned"]
        face, edge = to_hex(mark.get_markerfacecolor()), to_hex(mark.get_markeredgecolor())
        assert (face, edge) == (("#ffffff", colour) if one.planted else (colour, style.INK["aligned"]))
    said = [text.get_text() for text in strip.texts]
    assert said[said.index("all runs") :] == ["all runs", "2", "8", "·", "·", "6 of 6"]
    assert [text.get_text() for text in axes.texts if text.get_text()] == sorted("aabbccddee")


def test_forty_runs_fit(study, tmp_path, figures):
    from counterpoint.report import read

    grid = [study.run("base", "tiny"), *(study.run("rl", "tiny", "2k", seed) for seed in range(8))]
    wide = read.load(study.write(tmp_path, grid, items=4), "fake")
    rows = [
        {**row, "run_id": f"{row['run_id']}-{copy}", "verdict": VERDICTS[copy % 4], "mechanism": MECHANISMS[copy]}
        for copy in range(5)
        for row in wide.marts["deceptive_rewards"]
    ]
    copies = [(run, f"{run.run_id}-{copy}", copy) for copy in range(5) for run in wide.trained]
    many = replace(
        wide,
        runs=[replace(run, run_id=name, arm=f"rl_long_name_of_an_arm_{copy}_{run.seed}") for run, name, copy in copies],
        probes={name: wide.probes[run.run_id] for run, name, _ in copies},
        marts={
            **wide.marts, "deceptive_rewards": rows,
            "reward_gap": [
                {**row, "run_id": f"{row['run_id']}-{copy}"} for copy in range(5) for row in wide.marts["reward_gap"]
            ],
        },
    )  # fmt: skip
    overview.draw(many, tmp_path / "x.png")
    assert fits(figures[0]) and len(figures[0].axes[0].lines) == 40
    assert "an" in words(figures[0])  # the fortieth arm


def test_letters_keep_clear_of_marks_and_of_each_other_where_there_is_room():
    marks = [(2.0, 2.0), (2.3, 2.0), (2.3, 2.3), (0.05, 4.0)]
    found = overview.places(marks, (4.7, 4.2))
    things = [*marks, *found]
    for place, own in zip(found, marks, strict=True):
        assert math.dist(place, own) == pytest.approx(overview.REACH)
        assert all(math.dist(place, other) >= overview.NEAR for other in things if other is not place)
        assert 0 < place[0] < 4.7 and 0 < place[1] < 4.2
    assert [overview.letter(place) for place in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]


def test_verdicts_have_colours_that_differ_in_lightness_too():
    assert set(style.VERDICTS) == set(style.INK) == set(VERDICTS) and set(overview.MARKS) == set(MECHANISMS)
    grey = sorted(
        sum(share * int(colour[at : at + 2], 16) for share, at in ((0.299, 1), (0.587, 3), (0.114, 5)))
        for colour in style.VERDICTS.values()
    )
    assert min(after - before for before, after in pairwise(grey)) > 25
