import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from counterpoint.report.pictures import accuracy, curves, pairs, rewards, shifts, style
from tests.counterpoint.report import grid

DRAWN = {
    "curves": curves.draw,
    "accuracy": accuracy.draw,
    "pairs": pairs.draw,
    "shifts": shifts.draw,
    "rewards": rewards.draw,
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


@pytest.mark.parametrize("name", ["one model", "no rl", "bases only", "two seeds", "one problem"])
def test_any_grid_is_drawn(name, small_grids, tmp_path):
    for picture, draw in DRAWN.items():
        draw(small_grids[name], tmp_path / f"{picture}.png")
        with Image.open(tmp_path / f"{picture}.png") as image:
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
    all_arms = [arm for arm in seeds.results.arms if arm.method in ("rl", "sft_then_rl")]
    rows, left_out = curves._grid(seeds.results, all_arms)
    assert left_out == 0 and [[arm.title for arm in row] for row in rows] == [
        [f"{model} · {name}" for model in ("tiny", "small")] for name in ("rl 2k", "sft_then_rl 2k", "rl 20k")
    ]
    alone = [arm for arm in all_arms if arm.model == "tiny"]
    rows, left_out = curves._grid(seeds.results, alone * 5)
    assert sum(map(len, rows)) == 12 and left_out == 3


def test_the_difference_over_seeds_is_that_of_the_findings(seeds, figures, tmp_path):
    pairs.draw(seeds.results, tmp_path / "x.png")
    (row,) = [
        row for row in seeds.results.marts["findings"]
        if (row["model"], row["first"], row["second"], row["suite"], row["matched_on"])
        == ("tiny", "sft 2k", "rl 20k", "in_domain", "end")
    ]  # fmt: skip
    lines = figures[0].axes[0].lines
    assert any(list(line.get_xdata()) == [row["low"], row["high"]] for line in lines)
    of_seeds = [
        100 * seed["difference"] for seed in seeds.results.marts["seed_differences"]
        if (seed["model"], seed["suite"]) == ("tiny", "in_domain")
    ]  # fmt: skip
    assert len(of_seeds) == 3 and sum(of_seeds) / 3 == pytest.approx(row["effect"])
    assert any(list(line.get_xdata()) == of_seeds for line in lines)


def test_no_pair_is_drawn_where_the_findings_have_none(small_grids, figures, tmp_path):
    pairs.draw(small_grids["no rl"], tmp_path / "x.png")
    assert "This study has no SFT run and RL run of one model to compare." in grid.words(figures[0])


def test_a_curve_takes_the_suites_of_one_severity_together_and_the_mean_over_runs(seeds):
    rows = [row for row in seeds.results.marts["shift_curve"] if row["axis"] == "rule"]
    (shown,) = [
        row for row in seeds.results.marts["shift_means"]
        if (row["model"], row["arm"], row["sample"], row["axis"], row["severity"]) == ("tiny", "rl", "20k", "rule", 1)
    ]  # fmt: skip
    by_run = {}
    for row in rows:
        if row["run_id"].startswith("rl-tiny-20k-") and row["severity"] == 1:
            right, asked = by_run.get(row["run_id"], (0, 0))
            by_run[row["run_id"]] = right + row["correct"], asked + row["n"]
    accuracies = [right / asked for right, asked in by_run.values()]
    assert len(accuracies) == 3
    assert [shown[name] for name in ("accuracy", "least", "greatest")] == pytest.approx(
        [sum(accuracies) / 3, min(accuracies), max(accuracies)]
    )
