"""frontier_MODEL.png of a study with many arms."""

import pytest
from matplotlib.colors import to_hex

from counterpoint.report.pictures import frontier, style
from tests.counterpoint.report import grid
from tests.counterpoint.report.grid import words


def test_every_method_has_its_mark_and_colour_on_the_frontier_and_off_it(figures, tmp_path):
    rows = [row for row in grid.cost_rows() if row["model"] == "small"]
    frontier.draw(rows, tmp_path / "x.png")
    (figure,) = figures
    assert grid.legible(figure)
    _, key = figure.legends
    methods = ["base", "sft", "rl", "sft_then_rl", "dft", "chord", "relift"]
    looks = {method: (frontier.MARKS[method], style.colour(method)) for method in methods}
    shown = {text.get_text(): (line.get_marker(), to_hex(line.get_color())) for text, line in zip(
        key.get_texts(), key.get_lines(), strict=True)}  # fmt: skip
    assert shown == looks and len({mark for mark, _ in shown.values()}) == len(methods)
    for axes, efficient in zip(figure.axes, ("prompts", "tokens", "seconds"), strict=True):
        drawn = sorted(
            (line.get_marker(), to_hex(line.get_color())) for line in axes.lines if len(line.get_xdata()) == 1
        )
        wanted = []
        for row in rows:
            mark, colour = looks[row["method"]]
            wanted.append((mark, colour if row[f"efficient_by_{efficient}"] else style.blend(colour, frontier.PALE)))
        assert drawn == sorted(wanted)


def test_a_teacher_that_no_arm_is_charged_is_said_where_an_arm_has_it(figures, tmp_path):
    rows = [row for row in grid.cost_rows() if row["model"] == "tiny"]
    note = "the training of sibling's teacher is not counted"
    frontier.draw(rows, tmp_path / "x.png")
    frontier.draw([row for row in rows if row["kind"] != "sibling"], tmp_path / "x.png")
    assert note in words(figures[0]) and note not in words(figures[1])
    assert figures[0].get_figheight() > figures[1].get_figheight()


def spent(arm: str, accuracy: float, **changed) -> dict:
    """A row of `cost_curve`, efficient by nothing."""
    row = {
        "model": "tiny", "arm": arm, "method": "base" if arm == "base" else "sft", "sample": None if arm == "base" else
        "2k", "problems": 2000, "kind": None, "seeds": 3, "n": 100, "accuracy": accuracy, "low": accuracy - 0.03,
        "high": accuracy + 0.03, "total_prompts": 100.0, "sampled_tokens": 0.0, "spent_seconds": 1.0,
        "efficient_by_prompts": False, "efficient_by_tokens": False, "efficient_by_seconds": False,
    }  # fmt: skip
    return {**row, **changed}


def test_what_cost_nothing_has_a_place_of_its_own_before_the_first_decade(figures, tmp_path):
    rows = [
        spent("base", 0.3, total_prompts=0.0, efficient_by_prompts=True),
        spent("a", 0.4, total_prompts=250.0, efficient_by_prompts=True),
        spent("b", 0.5, total_prompts=20000.0, efficient_by_prompts=True),
    ]
    for row in rows:
        row.update(sampled_tokens=None, spent_seconds=None)
    frontier.draw(rows, tmp_path / "x.png")
    frontier.draw(rows[1:], tmp_path / "x.png")
    (axes,), (without,) = (figure.axes for figure in figures)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "100", "1k", "10k"]
    assert [label.get_text() for label in without.get_xticklabels()] == ["1k", "10k"]

    def across(cost: float) -> float:
        return axes.transAxes.inverted().transform(axes.transData.transform((cost, 50.0)))[0]

    assert 0 < across(0) < across(100) < across(20000) < 1
    assert across(10_000) - across(1000) == pytest.approx(across(1000) - across(100))
    assert axes.get_ylim()[0] < 27 and axes.get_ylim()[1] > 53
    assert [frontier.short(n) for n in (0.1, 1, 100, 1e4, 1e6, 1e9)] == ["0.1", "1", "100", "10k", "1M", "1G"]


def test_the_frontier_is_a_step_line_through_the_efficient_arms_which_alone_are_named(figures, tmp_path):
    rows = [
        spent("base", 0.3, total_prompts=0.0, efficient_by_prompts=True),
        spent("good", 0.5, total_prompts=1000.0, efficient_by_prompts=True),
        spent("bad", 0.4, total_prompts=2000.0, sampled_tokens=None),
        spent("best", 0.6, total_prompts=4000.0, efficient_by_prompts=True, efficient_by_tokens=True),
    ]  # fmt: skip
    untimed = [{**row, "spent_seconds": None} for row in rows if row["arm"] != "base"] + rows[:1]
    frontier.draw(untimed, tmp_path / "x.png")
    (figure,) = figures
    assert [axes.get_xlabel() for axes in figure.axes] == [frontier.MEASURES[m][1] for m in list(frontier.MEASURES)[:2]]
    prompts, tokens = figure.axes
    assert {"base", "good 2k", "best 2k"} <= set(words(prompts)) and "bad 2k" not in words(figure)
    assert "best 2k" in words(tokens) and "good 2k" not in words(tokens)
    assert all(axes.get_xticklabels()[0].get_text() == "0" for axes in figure.axes)
    (line,) = [line for line in prompts.lines if line.get_drawstyle() == "steps-post"]
    assert list(line.get_ydata()) == pytest.approx([30, 50, 60, 60])
    assert list(line.get_xdata()) == pytest.approx([0, 1000, 4000, prompts.get_xlim()[1]])
