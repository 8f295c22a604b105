"""reward_vs_accuracy.png of a study with many arms."""

from counterpoint.report import curves
from tests.counterpoint.report import grid
from tests.counterpoint.report.test_sheets import words


def test_the_plain_arms_on_the_samples_of_the_claims_come_first(figures, tmp_path):
    results = grid.results()
    groups = [group for group in results.groups if results.rewards[group.runs[0].run_id]]
    rows, left_out = curves._grid(results, groups)
    names = ["rl 2k", "sft_then_rl 2k", "rl 20k", "sft_then_rl 20k"]
    assert [[group.title for group in row] for row in rows] == [
        [f"{model} · {name}" for model in grid.BASES] for name in names
    ]
    assert left_out == len(groups) - 12
    alone = [group for group in groups if group.model == "small"]
    rows, left_out = curves._grid(results, alone)
    drawn = [group.name for row in rows for group in row]
    assert drawn[:5] == [*names, "rl 200"] and left_out == len(alone) - 12
    curves.draw(results, tmp_path / "x.png")
    assert grid.legible(figures[0])
    assert any(text.endswith("; 60 arms more are in report.md") for text in words(figures[0]))
