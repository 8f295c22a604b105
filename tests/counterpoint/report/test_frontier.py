"""frontier_MODEL.png of a study with many arms."""

import math
from itertools import combinations

from matplotlib.colors import to_hex

from counterpoint.report import frontier, style
from counterpoint.report.phase import blend
from tests.counterpoint.report import grid
from tests.counterpoint.report.test_sheets import words


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
            wanted.append((mark, colour if row[f"efficient_by_{efficient}"] else blend(colour, frontier.PALE)))
        assert drawn == sorted(wanted)


def test_marks_of_one_cost_lie_side_by_side():
    column = [(1.0, 0.5 + 0.02 * place) for place in range(20)]
    found = frontier.apart(column, [(1.0, 0.6)], 4.5)
    assert [y for _, y in found] == [y for _, y in column]
    assert all(math.dist(*pair) >= frontier.ROOM for pair in combinations([*found, (1.0, 0.6)], 2))
    assert max(abs(x - 1.0) for x, _ in found) < 0.22
    far = [(1.0, 0.5), (1.0, 0.9), (2.0, 0.5)]
    assert frontier.apart(far, [], 4.5) == far
    assert all(0.05 <= x <= 0.5 for x, _ in frontier.apart([(0.06, 0.5)] * 4, [], 0.55))


def test_a_teacher_that_no_arm_is_charged_is_said_where_an_arm_has_it(figures, tmp_path):
    rows = [row for row in grid.cost_rows() if row["model"] == "tiny"]
    said = "the training of sibling's teacher is not counted"
    frontier.draw(rows, tmp_path / "x.png")
    frontier.draw([row for row in rows if row["kind"] != "sibling"], tmp_path / "x.png")
    assert said in words(figures[0]) and said not in words(figures[1])
    assert figures[0].get_figheight() > figures[1].get_figheight()
