import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from counterpoint.report.pictures import findings as picture
from tests.counterpoint.analysis import made_up_findings as made_up
from tests.counterpoint.report.grid import fits, words

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
    return made_up.decided(study).to_pylist()


@pytest.fixture
def sheets(monkeypatch) -> list[Figure]:
    """The figures that are drawn, instead of files."""
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    return drawn


def test_the_same_rows_give_the_same_bytes_whatever_a_clock_said(rows, tmp_path):
    first, second = tmp_path / "a.png", tmp_path / "deep" / "b.png"
    slower = [
        {**row, "first_seconds": 9.0, **({"effect": 1.0, "low": -9.0} if row["matched_on"] == "seconds" else {})}
        for row in reversed(rows)
    ]
    picture.draw(rows, first)
    picture.draw(slower, second)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.width >= 900


def test_every_primary_contrast_is_drawn_bold_with_its_numbers_and_nothing_leaves_the_sheet(rows, sheets, tmp_path):
    picture.draw(rows, tmp_path / "x.png")
    (figure,) = sheets
    assert fits(figure) and figure.get_figheight() * figure.dpi <= 1850
    texts = [text for text in figure.texts if text.get_text()]
    bold = [text.get_text() for text in texts if text.get_weight() == "bold"]
    primary = [row for row in rows if row["role"] == "primary" and row["effect"] is not None]
    assert len(primary) == 9
    for row in primary:
        value, digits = (row["effect_logits"], 2) if row["unit"] == "logits" else (row["effect"], 1)
        assert any(text.startswith(f"{value:+.{digits}f} (".replace("-", "−")) for text in bold)
        assert any(row["model"] in text and text.startswith(row["contrast"].split(",")[0]) for text in bold)
    assert len(figure.axes) == 4, "a panel a finding"
    assert [axes.get_xlabel() != "" for axes in figure.axes] == [True, False, False, True], "an axis a unit"
    for finding in ("capacity", "data_efficiency", "cross_modal", "complementarity"):
        assert finding in bold


def test_intervals_wear_the_colour_of_their_verdict_and_stand_at_their_effect(rows, sheets, tmp_path):
    row = next(row for row in rows if row["finding"] == "cross_modal" and row["role"] == "primary")
    for verdict, colour in picture.COLOURS.items():
        picture.draw([{**row, "verdict": verdict}], tmp_path / "x.png")
        (axes,) = sheets[-1].axes
        interval = [line for line in axes.lines if list(line.get_xdata()) == [row["low"], row["high"]]]
        assert [to_hex(line.get_color()) for line in interval] == [to_hex(colour)]
        assert any(list(line.get_xdata()) == [row["effect"]] for line in axes.lines)


def test_an_interval_beyond_the_panel_ends_in_an_arrow(rows, sheets, tmp_path):
    row = next(row for row in rows if row["finding"] == "cross_modal" and row["role"] == "primary")
    picture.draw([{**row, "low": -90.0, "high": 12.0, "effect": -60.0}], tmp_path / "x.png")
    markers = [line.get_marker() for line in sheets[0].axes[0].lines]
    assert "<" in markers and ">" not in markers and "s" not in markers
    assert any("−60.0 (−90.0 to +12.0)" in text for text in words(sheets[0]))


def test_deceptive_rewards_are_a_share_of_runs_on_an_axis_of_their_own(rows, sheets, tmp_path):
    truth = {
        **next(row for row in rows if row["finding"] == "cross_modal" and row["role"] == "primary"),
        "finding": "reward_truth", "suite": "in_domain", "effect": 12.5, "low": 2.7, "high": 47.0, "null_value": 10.0,
        "unit": "points", "n": 24,
    }  # fmt: skip
    picture.draw([*rows, truth], tmp_path / "x.png")
    *_, axes = sheets[0].axes
    assert len(sheets[0].axes) == 5 and axes.get_xlabel() == "honest RL runs whose reward is deceptive, %"
    assert axes.get_xlim()[0] > -2 and axes.get_xlim()[1] > 47
    assert "12.5 % (2.7 to 47.0)" in words(sheets[0]) and "24 honest RL runs · in_domain" in words(sheets[0])
    assert any(list(line.get_xdata()) == [10.0, 10.0] for line in axes.lines)


def test_matched_rows_and_other_suites_are_left_out_and_primary_contrasts_come_first(rows, sheets, tmp_path):
    shown = picture.shown(rows)
    assert {row["suite"] for row in shown} == {"in_domain", "text_twin"}
    assert {row["matched_on"] for row in shown} == {"end"}
    for finding in {row["finding"] for row in shown}:
        roles = [row["role"] for row in shown if row["finding"] == finding]
        assert roles == sorted(roles) and roles[0] == "primary"


@pytest.mark.parametrize("verdict", [{}, {"verdict": "suggestive", "direction": "against"}])
def test_words_stand_beside_the_axis_and_on_no_other(verdict, rows, sheets, tmp_path):
    rows = [{**row, **verdict} for row in rows]
    picture.draw(rows, tmp_path / "x.png")
    (figure,) = sheets
    assert fits(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    boxes = [text.get_window_extent(renderer) for text in figure.texts if text.get_text()]
    panels = [axes.get_window_extent(renderer) for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(panel) for panel in panels)
        assert not any(box.x0 < other.x1 and other.x0 < box.x1 and box.y0 + 2 < other.y1 and other.y0 + 2 < box.y1
                       for other in boxes[:number])  # fmt: skip
    assert {row["verdict"] for row in picture.shown(rows)} <= {text.get_text().split()[0] for text in figure.texts}


def test_a_study_that_compares_nothing_says_so(sheets, tmp_path):
    table = made_up.decided(made_up.study(np.random.default_rng(1), {"tiny": {"base": 0.3}}, items=40))
    picture.draw(table.to_pylist(), tmp_path / "x.png")
    assert "This study has no arms that the findings compare." in words(sheets[0])
