"""phase.png: a tie, and a study with every kind of traces."""

from matplotlib.colors import to_hex, to_rgb

from counterpoint.report import phase
from tests.counterpoint.report import grid
from tests.counterpoint.report.test_sheets import words


def grey(colour: str) -> bool:
    return max(to_rgb(colour)) - min(to_rgb(colour)) < 1e-9


def test_a_tie_is_neither_methods_colour():
    def tint(difference: float) -> str:
        return phase.tint({"difference": difference, "significant": False}, 20.0)

    assert grey(tint(0.0)) and tint(0.0) == tint(-0.0) == tint(0.0004) == tint(-0.0004)
    assert phase.luminance(tint(0.0)) > 0.85
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
