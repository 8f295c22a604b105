"""rewards.png: every run as a mark, and the arms of a crowded study."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from matplotlib.colors import to_hex

from counterpoint.report import crowd, marks, overview, style
from counterpoint.report.rewarded import by_group, rewarded
from counterpoint.statistics.deceptive import MECHANISMS, VERDICTS
from tests.counterpoint.report import grid
from tests.counterpoint.report.test_sheets import fits, words
from tests.counterpoint.report.test_truth import changed


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
    said = words(figures[0])
    assert said.count("an") == 2 and said.count("rl_long_name_of_an_arm_4_7 2k") == 1  # the fortieth arm


def test_letters_keep_clear_of_marks_and_of_each_other_where_there_is_room():
    spots = [(2.0, 2.0), (2.3, 2.0), (2.3, 2.3), (0.05, 4.0)]
    found = marks.places(spots, (4.7, 4.2))
    things = [*spots, *found]
    for place, own in zip(found, spots, strict=True):
        assert math.dist(place, own) == pytest.approx(marks.REACH)
        assert all(math.dist(place, other) >= marks.NEAR for other in things if other is not place)
        assert 0 < place[0] < 4.7 and 0 < place[1] < 4.2
    assert [marks.letter(place) for place in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]


def test_verdicts_have_colours_that_differ_in_lightness_too():
    assert set(style.VERDICTS) == set(style.INK) == set(VERDICTS) and set(marks.MARKS) == set(MECHANISMS)
    grey = sorted(
        sum(share * int(colour[at : at + 2], 16) for share, at in ((0.299, 1), (0.587, 3), (0.114, 5)))
        for colour in style.VERDICTS.values()
    )
    assert min(after - before for before, after in pairwise(grey)) > 25


def test_of_a_crowded_study_there_is_a_panel_a_model_and_a_mark_an_arm(figures, tmp_path):
    overview.draw(grid.results(), tmp_path / "x.png")
    (figure,) = figures
    assert grid.legible(figure)
    assert figure.get_figwidth() <= grid.WIDEST and figure.get_figheight() <= grid.TALLEST
    *panels, table = figure.axes
    arms = by_group(grid.results())
    assert [axes.get_title("left") for axes in panels] == list(grid.BASES)
    names = list(dict.fromkeys(group.name for group, _ in arms))
    for axes, model in zip(panels, grid.BASES, strict=True):
        mine = [(group, runs) for group, runs in arms if group.model == model]
        assert sorted(text.get_text() for text in axes.texts if text.get_text()) == sorted(
            marks.letter(names.index(group.name)) for group, _ in mine
        )
        for (_, runs), mark in zip(mine, axes.lines, strict=True):
            ends = [one.ends()[1] for one in runs]
            assert mark.get_xdata()[0] == pytest.approx(sum(reward for reward, _ in ends) / len(runs))
            assert mark.get_ydata()[0] == pytest.approx(100 * sum(accuracy for _, accuracy in ends) / len(runs))
    squares = Counter(to_hex(patch.get_facecolor()) for patch in table.patches)
    verdicts = Counter(one.row["verdict"] for one in rewarded(grid.results()))
    assert squares == {style.VERDICTS[verdict]: count for verdict, count in verdicts.items()}
    assert squares.total() == 236


@pytest.mark.parametrize(
    ("verdicts", "shown"),
    [
        (["deceptive", "deceptive", "aligned"], "deceptive"),
        (["deceptive", "aligned", "saturated"], "inconclusive"),
        (["aligned", "deceptive"], "inconclusive"),
        (["aligned"], "aligned"),
    ],
)
def test_the_mark_of_an_arm_is_what_more_than_half_of_its_runs_are(verdicts, shown):
    runs = rewarded(grid.results())[: len(verdicts)]
    for place, (one, verdict) in enumerate(zip(runs, verdicts, strict=True)):
        mechanism = ("length", "format")[place] if verdict == "deceptive" else "none"
        row = {**one.row, "verdict": verdict, "mechanism": mechanism}
        runs[place] = replace(one, suites={one.main: row})
    mark = crowd.mean_of("a", runs)
    # two mechanisms, neither of more than half
    assert (mark.verdict, mark.mechanism) == (shown, "unknown" if shown == "deceptive" else "none")
