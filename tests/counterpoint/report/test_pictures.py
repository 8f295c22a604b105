import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from counterpoint.report import arms, curves, pairs, style

DRAWN = {"curves": curves.draw, "arms": arms.draw, "pairs": pairs.draw}


@pytest.mark.parametrize("name", DRAWN)
def test_the_default_grid_is_drawn_and_the_same_bytes_each_time(name, full, tmp_path):
    first, second = tmp_path / "a.png", tmp_path / "b" / "b.png"
    DRAWN[name](full.results, first)
    DRAWN[name](full.results, second)
    assert first.read_bytes() == second.read_bytes()
    assert b"Software" not in first.read_bytes() and b"tIME" not in first.read_bytes()
    with Image.open(first) as image:
        assert image.width >= 900 and len(image.convert("RGB").getcolors(2**24)) > 20


@pytest.mark.parametrize("grid", ["one model", "no rl", "bases only", "two seeds"])
def test_any_grid_is_drawn(grid, small_grids, tmp_path):
    for name, draw in DRAWN.items():
        draw(small_grids[grid], tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as image:
            image.verify()


def test_nothing_leaves_the_sheet_and_no_letter_is_smaller_than_stated(full, small_grids, tmp_path, monkeypatch):
    seen = []

    def look(figure, *_, **__):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        drawn = figure.get_tightbbox(canvas.get_renderer())
        assert drawn.x0 >= 0 and drawn.y0 >= 0
        assert drawn.x1 <= figure.get_figwidth() and drawn.y1 <= figure.get_figheight()
        for words in figure.findobj(Text):
            seen.append(words.get_text())
            assert words.get_fontsize() >= style.SMALLEST or not words.get_text()

    monkeypatch.setattr(Figure, "savefig", look)
    for results in (full.results, *small_grids.values()):
        for draw in DRAWN.values():
            draw(results, tmp_path / "x.png")
    assert "not measurable" in seen and "SFT on 2k against RL on 20k" in seen


def test_a_method_keeps_its_colour_and_none_is_shared():
    assert len(set(style.METHOD_COLOURS.values())) == len(style.METHOD_COLOURS)
    assert style.colour("sft") == style.METHOD_COLOURS["sft"]
    assert style.colour("dpo") in style.SPARE
