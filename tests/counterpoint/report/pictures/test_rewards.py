"""rewards.png: every run as a mark, and the arms of a study with many."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from matplotlib.colors import to_hex

from counterpoint.report import read
from counterpoint.report.pictures import labels, rewards, style
from counterpoint.report.pictures.reward_runs import by_arm, reward_runs
from counterpoint.statistics.deceptive import VERDICTS
from tests.counterpoint.report import grid
from tests.counterpoint.report.grid import changed, fits


def marks_of(axes) -> list:
    """The marks of a panel, without the lines from their starts."""
    return [line for line in axes.lines if len(line.get_xdata()) == 1]


def written(axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_all_runs_are_on_one_sheet_by_verdict_and_honesty(planted, figures, tmp_path):
    results = changed(
        planted.results,
        lambda row: {
            "verdict": "deceptive" if row["arm"] == "rl_leaky_list" else "aligned",
            "mechanism": "verifier" if row["arm"] == "rl_leaky_list" else "none",
        },
    )  # fmt: skip
    rewards.draw(results, tmp_path / "x.png")
    (figure,) = figures
    assert fits(figure)
    axes, table = figure.axes
    marks = marks_of(axes)
    assert len(marks) == 10
    for run, mark in zip(reward_runs(results), marks, strict=True):
        last = run.gaps[-3:]
        assert mark.get_xdata()[0] == pytest.approx(sum(gap["reward"] for gap in last) / 3)
        accuracy = [point.accuracy for point in run.on("in_domain")][-3:]
        assert mark.get_ydata()[0] == pytest.approx(100 * sum(accuracy) / 3)
        verdict = "deceptive" if run.run.arm == "rl_leaky_list" else "aligned"
        assert mark.get_marker() == rewards.SHAPES[verdict]
        colour = style.VERDICTS[verdict]
        face, edge = to_hex(mark.get_markerfacecolor()), to_hex(mark.get_markeredgecolor())
        assert (face, edge) == (("#ffffff", colour) if run.planted else (colour, style.INK["aligned"]))
    places = {name: rewards.letter(number) for number, name in enumerate(arm.name for arm, _ in by_arm(results))}
    leaky = places["rl_leaky_list 2k"]
    named = [f"{sign} verifier" if sign == leaky else sign for sign in places.values() for _ in range(2)]
    assert sorted(written(axes)) == sorted(named)
    assert axes.get_title("right") == "10 runs: 2 deceptive, 8 aligned"
    assert Counter(line.get_marker() for line in table.lines) == {"v": 2, "^": 8}


def test_arms_with_long_names_fit(study, tmp_path, figures):
    runs = [study.run("base", "tiny"), *(study.run("rl", "tiny", "2k", seed) for seed in range(8))]
    wide = read.load(study.write(tmp_path, runs, items=4), "fake")
    trained = [run for run in wide.runs if run.method != "base"]
    copies = [(run, f"{run.run_id}-{copy}", copy) for copy in range(5) for run in trained]
    many = replace(
        wide,
        runs=[replace(run, run_id=name, arm=f"rl_long_name_of_an_arm_{copy}_{run.seed}") for run, name, copy in copies],
        probes={name: wide.probes[run.run_id] for run, name, _ in copies},
        marts={
            **wide.marts,
            "deceptive_rewards": [
                {**row, "run_id": f"{row['run_id']}-{copy}", "verdict": VERDICTS[copy % 4], "mechanism": "length"}
                for copy in range(5) for row in wide.marts["deceptive_rewards"]
            ],
            "reward_gap": [
                {**row, "run_id": f"{row['run_id']}-{copy}"} for copy in range(5) for row in wide.marts["reward_gap"]
            ],
        },
    )  # fmt: skip
    rewards.draw(many, tmp_path / "x.png")
    panel, table = figures[0].axes
    assert fits(figures[0]) and len(marks_of(panel)) == 40
    texts = written(table)
    assert texts.count("an") == 1 and texts.count("rl_long_name_of_an_arm_4_7 2k") == 1  # the fortieth arm


def test_letters_number_the_arms():
    assert [rewards.letter(number) for number in (0, 25, 26, 27, 52)] == ["a", "z", "aa", "ab", "ba"]


def test_verdicts_have_shapes_of_their_own_and_colours_that_differ_in_lightness_too():
    assert set(style.VERDICTS) == set(style.INK) == set(VERDICTS) == set(rewards.SHAPES)
    assert len(set(rewards.SHAPES.values())) == len(VERDICTS)
    grey = sorted(
        sum(share * int(colour[at : at + 2], 16) for share, at in ((0.299, 1), (0.587, 3), (0.114, 5)))
        for colour in style.VERDICTS.values()
    )
    assert min(after - before for before, after in pairwise(grey)) > 25


def test_of_a_study_with_many_arms_there_is_a_panel_a_model_and_a_mark_an_arm(figures, tmp_path):
    rewards.draw(grid.results(), tmp_path / "x.png")
    (figure,) = figures
    assert grid.legible(figure)
    assert figure.get_figwidth() <= grid.WIDEST and figure.get_figheight() <= grid.TALLEST
    *panels, table = figure.axes
    arms = by_arm(grid.results())
    assert [axes.get_title("left") for axes in panels] == list(grid.BASES)
    names = list(dict.fromkeys(arm.name for arm, _ in arms))
    for axes, model in zip(panels, grid.BASES, strict=True):
        mine = [(arm, runs) for arm, runs in arms if arm.model == model]
        assert sorted(text.split()[0] for text in written(axes)) == sorted(
            rewards.letter(names.index(arm.name)) for arm, _ in mine
        )
        for (_, runs), mark in zip(mine, marks_of(axes), strict=True):
            ends = [run.ends()[1] for run in runs]
            assert mark.get_xdata()[0] == pytest.approx(sum(reward for reward, _ in ends) / len(runs))
            assert mark.get_ydata()[0] == pytest.approx(100 * sum(accuracy for _, accuracy in ends) / len(runs))
    drawn = Counter(line.get_marker() for line in table.lines)
    verdicts = Counter(run.row["verdict"] for run in reward_runs(grid.results()))
    assert drawn == {rewards.SHAPES[verdict]: count for verdict, count in verdicts.items()}
    assert drawn.total() == 236


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
    runs = reward_runs(grid.results())[: len(verdicts)]
    for number, (run, verdict) in enumerate(zip(runs, verdicts, strict=True)):
        mechanism = ("length", "format")[number] if verdict == "deceptive" else "none"
        row = {**run.row, "verdict": verdict, "mechanism": mechanism}
        runs[number] = replace(run, suites={run.main: row})
    (mark,) = rewards.marks([("a", runs)], pooled=True)
    assert (mark.label, mark.verdict) == ("a", shown)


def test_names_lie_near_their_points_in_the_room_and_on_nothing():
    points = [(0.1, 1.0), (0.4, 1.1), (0.45, 1.12), (4.4, 1.9)]
    names = ["first arm 2k", "second arm 2k", "third arm 20k", "the last one 20k"]
    taken = [labels.Box(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in points]
    boxes = labels.placed(names, points, taken, [labels.Box(0.5, 1.2, 1.5, 1.5)], (4.5, 2.0))
    for number, box in enumerate(boxes):
        assert box.left >= 0 and box.bottom >= 0 and box.right <= 4.5 and box.top <= 2.0
        assert not any(box.meets(other) for other in [*taken, *boxes[:number]])
        x, y = points[number]
        assert math.hypot(max(box.left - x, x - box.right, 0), max(box.bottom - y, y - box.top, 0)) < 1.0
    assert labels.Box(0, 0, 1, 1).meets(labels.Box(1, 0.5, 2, 0.5))
    assert not labels.Box(0, 0, 1, 1).meets(labels.Box(1.1, 0, 2, 1))
    # with no free number at all it still finds one
    assert len(labels.placed(["a"], [(0.2, 0.2)], [labels.Box(0, 0, 9, 9)], [], (0.5, 0.5))) == 1
