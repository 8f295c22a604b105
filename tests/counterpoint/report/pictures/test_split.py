"""split.png of a made-up study."""

import pytest

from counterpoint.report.pictures import split
from tests.counterpoint.analysis import made_up_arms as made_up
from tests.counterpoint.report.grid import words


def test_the_split_has_a_panel_a_sample_and_suite_and_the_costs_below(figures, tmp_path):
    rows = made_up.rows_of(made_up.shared(), "split_curve")
    assert split.draw(rows, tmp_path / "x.png")
    (figure,) = figures
    assert [axes.get_title("left") for axes in figure.axes[::2]] == ["in_domain", "text_twin", "rule_shift"]
    assert [axes.get_title("right") for axes in figure.axes[:2]] == ["500 problems", "2,000 problems"]
    ticks = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert ticks == ["0\nall RL", "25", "50", "75", "100\nall SFT"]
    texts = words(figure)
    assert {"updates", "s, tiny", "125", "102", "79", "56", "32"} <= set(texts)
    thick = [line for line in figure.axes[1].lines if line.get_linewidth() == 2.0]
    assert len(thick) == len(made_up.BASES)
    shown = [r for r in rows if (r["model"], r["sample"], r["suite"]) == ("tiny", "2k", "in_domain")]
    means = [100 * row["accuracy"] for row in shown]
    assert any(list(line.get_ydata()) == pytest.approx(means) for line in thick)
    assert not split.draw([], tmp_path / "y.png")
