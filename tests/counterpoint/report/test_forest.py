import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from counterpoint import findings
from counterpoint.report import forest, style
from tests.counterpoint.findings import made_up

LEVELS = {
    "base": 0.3, "sft 2k": 0.55, "rl 2k": 0.4, "sft 20k": 0.65, "rl 20k": 0.42, "sft_then_rl 2k": 0.75,
    "sft_long 2k": 0.6,
}  # fmt: skip
EARLY = {"base": 0.45, "sft 2k": 0.5, "rl 2k": 0.5}
SUITES = ("in_domain", "text_twin", "rule_shift")


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    models = {"tiny": LEVELS, "small": {**LEVELS, "base": 0.6}, "small_early": EARLY}
    study = made_up.study(np.random.default_rng(0), models, items=200, suites=SUITES, probe_items=20)
    return findings.compute(study).to_pylist()


@pytest.fixture
def sheets(monkeypatch) -> list[Figure]:
    """The figures that are drawn, instead of files."""
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    return drawn


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_the_same_rows_give_the_same_bytes_whatever_a_clock_said(rows, tmp_path):
    first, second = tmp_path / "a.png", tmp_path / "deep" / "b.png"
    slower = [
        {**row, "first_seconds": 9.0, **({"effect": 1.0, "low": -9.0} if row["matched_on"] == "seconds" else {})}
        for row in reversed(rows)
    ]
    forest.draw(rows, first)
    forest.draw(slower, second)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.width >= 900


def test_every_primary_contrast_is_drawn_bold_with_its_numbers_and_nothing_leaves_the_sheet(rows, sheets, tmp_path):
    forest.draw(rows, tmp_path / "x.png")
    (figure,) = sheets
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = figure.get_tightbbox(canvas.get_renderer())
    assert drawn.x0 >= 0 and drawn.y0 >= 0
    assert drawn.x1 <= figure.get_figwidth() and drawn.y1 <= figure.get_figheight()
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert all(text.get_fontsize() >= style.SMALLEST for text in texts)
    bold = [text.get_text() for text in texts if text.get_weight() == "bold"]
    primary = [row for row in rows if row["role"] == "primary" and row["effect"] is not None]
    assert len(primary) == 9
    for row in primary:
        value, digits = (row["effect_logits"], 2) if row["unit"] == "logits" else (row["effect"], 1)
        assert any(text.startswith(f"{value:+.{digits}f} (".replace("-", "−")) for text in bold)
        assert any(row["model"] in text and text.startswith(row["contrast"].split(",")[0]) for text in bold)
    assert len(figure.axes) == 2, "a panel a unit"
    for finding in ("capacity", "data_efficiency", "cross_modal", "complementarity"):
        assert finding in bold


def test_intervals_wear_the_colour_of_their_verdict_and_stand_at_their_effect(rows, sheets, tmp_path):
    row = next(row for row in rows if row["finding"] == "cross_modal" and row["role"] == "primary")
    for verdict, colour in forest.COLOURS.items():
        forest.draw([{**row, "verdict": verdict}], tmp_path / "x.png")
        (axes,) = sheets[-1].axes
        interval = [line for line in axes.lines if list(line.get_xdata()) == [row["low"], row["high"]]]
        assert [to_hex(line.get_color()) for line in interval] == [to_hex(colour)]
        assert any(list(line.get_xdata()) == [row["effect"]] for line in axes.lines)


def test_an_interval_beyond_the_panel_ends_in_an_arrow(rows, sheets, tmp_path):
    row = next(row for row in rows if row["finding"] == "cross_modal" and row["role"] == "primary")
    forest.draw([{**row, "low": -90.0, "high": 12.0, "effect": -60.0}], tmp_path / "x.png")
    markers = [line.get_marker() for line in sheets[0].axes[0].lines]
    assert "<" in markers and ">" not in markers and "s" not in markers
    assert any("−60.0 (−90.0 to +12.0)" in text for text in words(sheets[0]))


def test_deceptive_rewards_are_a_share_of_runs_on_an_axis_of_their_own(rows, sheets, tmp_path):
    truth = {
        **next(row for row in rows if row["finding"] == "cross_modal" and row["role"] == "primary"),
        "finding": "reward_truth", "suite": "in_domain", "effect": 12.5, "low": 2.7, "high": 47.0, "null_value": 10.0,
        "unit": "points", "n": 24,
    }  # fmt: skip
    forest.draw([*rows, truth], tmp_path / "x.png")
    *_, axes = sheets[0].axes
    assert len(sheets[0].axes) == 3 and axes.get_xlabel() == "honest RL runs whose reward is deceptive, %"
    assert axes.get_xlim()[0] > -2 and axes.get_xlim()[1] > 47
    assert "12.5 % (2.7 to 47.0)" in words(sheets[0]) and "24 honest RL runs · in_domain" in words(sheets[0])
    assert any(list(line.get_xdata()) == [10.0, 10.0] for line in axes.lines)


def test_matched_rows_stand_below_their_contrast_and_other_suites_are_left_out(rows, sheets, tmp_path):
    shown = forest.shown(rows)
    assert {row["suite"] for row in shown} == {"in_domain", "text_twin"}
    first = [row for row in shown if row["finding"] == "data_efficiency" and row["model"] == "tiny"][:4]
    assert [row["matched_on"] for row in first] == ["end", "prompts", "updates", "generated_tokens"]
    assert len({row["contrast"] for row in first}) == 1
    forest.draw(rows, tmp_path / "x.png")
    assert "at equal generated tokens" in words(sheets[0])


def test_a_matched_row_that_takes_another_arm_names_it_below_the_contrast_that_it_stands_for(rows, sheets, tmp_path):
    own = [row for row in forest.shown(rows) if row["finding"] == "complementarity" and row["model"] == "tiny"]
    told = [(row["second"], row["matched_on"]) for row in own]
    ended = told.index(("sft 2k", "end"))
    assert told[ended + 1 :] == [("sft_long 2k", "prompts"), ("sft_long 2k", "updates")]
    forest.draw(rows, tmp_path / "x.png")
    assert "at equal updates, against sft_long 2k" in words(sheets[0])


def test_a_study_that_compares_nothing_says_so(sheets, tmp_path):
    table = findings.compute(made_up.study(np.random.default_rng(1), {"tiny": {"base": 0.3}}, items=40))
    forest.draw(table.to_pylist(), tmp_path / "x.png")
    assert "This study has no arms that the findings compare." in words(sheets[0])
