import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from counterpoint.report import arms, curves, overview, pairs, shifts, style

DRAWN = {
    "curves": curves.draw,
    "arms": arms.draw,
    "pairs": pairs.draw,
    "shifts": shifts.draw,
    "overview": overview.draw,
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_default_grid_is_drawn_and_the_same_bytes_each_time(name, full, tmp_path):
    first, second = tmp_path / "a.png", tmp_path / "b" / "b.png"
    DRAWN[name](full.results, first)
    DRAWN[name](full.results, second)
    assert first.read_bytes() == second.read_bytes()
    assert b"Software" not in first.read_bytes() and b"tIME" not in first.read_bytes()
    with Image.open(first) as image:
        assert image.width >= 900 and len(image.convert("RGB").getcolors(2**24)) > 20


@pytest.mark.parametrize("grid", ["one model", "no rl", "bases only", "two seeds", "one problem"])
def test_any_grid_is_drawn(grid, small_grids, tmp_path):
    for name, draw in DRAWN.items():
        draw(small_grids[grid], tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as image:
            image.verify()


def test_nothing_leaves_the_sheet_and_no_letter_is_smaller_than_stated(full, seeds, small_grids, tmp_path, monkeypatch):
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
    for results in (full.results, seeds.results, *small_grids.values()):
        for draw in DRAWN.values():
            draw(results, tmp_path / "x.png")
    assert "not measurable" in seen and "SFT on 2k against RL on 20k" in seen


def test_a_method_keeps_its_colour_and_none_is_shared():
    assert len(set(style.METHOD_COLOURS.values())) == len(style.METHOD_COLOURS)
    assert style.colour("sft") == style.METHOD_COLOURS["sft"]
    assert style.colour("dpo") in style.SPARE


def test_there_are_no_more_than_twelve_panels_of_reward_and_models_are_columns(seeds):
    groups = [group for group in seeds.results.groups if group.method in ("rl", "sft_then_rl")]
    rows, left_out = curves._grid(seeds.results, groups)
    assert left_out == 0 and [[group.title for group in row] for row in rows] == [
        [f"{model} · {name}" for model in ("tiny", "small")] for name in ("rl 2k", "sft_then_rl 2k", "rl 20k")
    ]
    alone = [group for group in groups if group.model == "tiny"]
    rows, left_out = curves._grid(seeds.results, alone * 5)
    assert sum(map(len, rows)) == 12 and left_out == 3


def test_the_mean_over_seeds_is_at_steps_that_all_have():
    assert curves.over_seeds([[(1, 0.0), (2, 1.0), (4, 3.0)], [(1, 1.0), (4, 5.0), (5, 9.0)]]) == [(1, 0.5), (4, 4.0)]


def test_a_curve_takes_the_suites_of_one_severity_together_and_the_mean_over_runs():
    def row(run_id: str, severity: int, suite: str, correct: int, n: int) -> dict:
        return {"run_id": run_id, "severity": severity, "suite": suite, "correct": correct, "n": n}

    rows = [
        row("b", 1, "x", 1, 4), row("a", 1, "x", 1, 2), row("a", 1, "y", 5, 6), row("a", 0, "x", 1, 1),
    ]  # fmt: skip
    (start, first), (end, last) = shifts.curve(rows)
    assert (start, first.mean, first.count) == (0, 1.0, 1)
    assert (end, last.low, last.high, last.mean) == (1, 0.25, 0.75, 0.5)
