"""phase.png: a tie, and a study with every kind of traces."""

from itertools import pairwise

import pytest
from matplotlib.colors import to_hex, to_rgb

from counterpoint.report.pictures import phase, style
from tests.counterpoint.analysis import made_up_arms as made_up
from tests.counterpoint.report import grid
from tests.counterpoint.report.grid import words


def grey(colour: str) -> bool:
    return max(to_rgb(colour)) - min(to_rgb(colour)) < 1e-9


def test_a_tie_is_neither_methods_colour():
    def tint(difference: float) -> str:
        return phase.tint({"difference": difference, "significant": False}, 20.0)

    assert grey(tint(0.0)) and tint(0.0) == tint(-0.0) == tint(0.0004) == tint(-0.0004)
    assert style.luminance(tint(0.0)) > 0.85
    red, _, blue = to_rgb(tint(0.001))
    assert blue > red  # SFT's
    red, _, blue = to_rgb(tint(-0.001))
    assert red > blue  # RL's


def test_the_cell_of_a_tie_is_grey_and_says_so(figures, tmp_path):
    assert phase.draw(grid.phase_rows(), tmp_path / "x.png")
    (figure,) = figures
    assert grid.legible(figure) and figure.get_figwidth() <= grid.WIDEST
    faces = [to_hex(patch.get_facecolor()) for axes in figure.axes[:-1] for patch in axes.patches if patch.get_fill()]
    assert len(faces) == len(grid.phase_rows()) and sum(map(grey, faces)) == 1
    assert words(figure).count("+0.0") == 1


def cell(**changed) -> dict:
    """A row of `phase`."""
    row = {
        "model": "tiny", "sample": "2k", "problems": 2000, "kind": "oracle", "suite": "in_domain", "sft_arm": "sft",
        "seeds": 3, "n": 100, "base_accuracy": 0.3, "sft": 0.5, "rl": 0.4, "difference": 0.1, "low": 0.05,
        "high": 0.15, "p": 0.01, "significant": True,
    }  # fmt: skip
    return {**row, **changed}


def test_a_cell_says_how_far_which_is_ahead_and_whether_it_is_told_apart(figures, tmp_path):
    rows = [
        cell(), cell(model="small", base_accuracy=0.4, difference=-0.2, low=-0.3, high=-0.1),
        cell(sample="20k", problems=20000, difference=0.02, low=-0.01, high=0.05, significant=False, seeds=1),
        cell(kind="noisy", difference=-0.0004, low=-0.1, high=0.1, significant=False), cell(suite="text_twin", sft=0.9),
    ]  # fmt: skip
    assert phase.draw(rows, tmp_path / "x.png")
    (figure,) = figures
    texts = words(figure)
    assert texts.count("n.s.") == 2 and {"+10.0", "−20.0", "+2.0¹", "+0.0"} <= set(texts)
    assert [axes.get_title("left") for axes in figure.axes[:2]] == ["oracle", "noisy"]
    assert "¹ so many seeds; the intervals of one are over problems alone" in texts
    assert "not run" in texts  # small on 20k, and small with noisy traces
    assert ("base 40 %" in texts) and texts.index("tiny") < texts.index("small")  # the weakest base lowest
    hatched = [patch for axes in figure.axes for patch in axes.patches if patch.get_hatch()]
    assert len(hatched) == 2


def test_colours_are_the_methods_pale_where_nothing_is_told_apart_and_the_same_about_zero():
    plain, half, full = (cell(difference=d) for d in (0.001, 0.1, 0.2))
    assert phase.tint(full, 20.0) == style.colour("sft")
    assert phase.tint(cell(difference=-0.3), 20.0) == style.colour("rl")
    light = [style.luminance(phase.tint(row, 20.0)) for row in (plain, half, full)]
    pale = style.luminance(phase.tint(cell(difference=0.2, significant=False), 20.0))
    assert pale > light[0] > light[1] > light[2] and pale > 0.85
    for share in (0.01, 0.1, 0.19):
        both = [phase.tint(cell(difference=sign * share), 20.0) for sign in (1, -1)]
        assert both[0] != both[1]
    assert (phase.reach([cell(difference=-0.31)]), phase.reach([cell(significant=False)])) == (40.0, 10.0)
    assert style.luminance("#ffffff") == pytest.approx(1.0) and style.luminance("#000000") == 0.0
    assert style.luminance("#767676") == pytest.approx((1 + 0.05) / 4.54 - 0.05, abs=1e-3)  # WCAG's grey of 4.54 : 1


def test_kinds_come_in_their_order_and_panels_stay_in_the_sheet():
    rows = [row for row in made_up.rows_of(made_up.shared(), "phase") if row["suite"] == "in_domain"]
    panels = phase.laid_out(rows, 1.0, 2.0)
    assert [panel.kind for panel in panels] == list(phase.FIRST)
    assert [name for _, name in panels[0].samples] == ["200", "500", "2k", "5k", "20k"]
    assert all(panel.left + panel.width <= 1.0 + phase.ROOM + 1e-9 for panel in panels)
    for line in {panel.top for panel in panels}:
        beside = sorted((p.left, p.left + p.width) for p in panels if p.top == line)
        assert all(first[1] < second[0] for first, second in pairwise(beside))
