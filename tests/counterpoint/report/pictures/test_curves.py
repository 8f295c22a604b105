"""reward_vs_accuracy.png of a study with many arms."""

from counterpoint.report.pictures import curves
from tests.counterpoint.report import grid
from tests.counterpoint.report.grid import words


def test_the_plain_arms_on_the_samples_of_the_claims_come_first(figures, tmp_path):
    results = grid.results()
    all_arms = [arm for arm in results.arms if results.rewards[arm.runs[0].run_id]]
    rows, left_out = curves._grid(results, all_arms)
    names = ["rl 2k", "sft_then_rl 2k", "rl 20k", "sft_then_rl 20k"]
    assert [[arm.title for arm in row] for row in rows] == [
        [f"{model} · {name}" for model in grid.BASES] for name in names
    ]
    assert left_out == len(all_arms) - 12
    alone = [arm for arm in all_arms if arm.model == "small"]
    rows, left_out = curves._grid(results, alone)
    drawn = [arm.name for row in rows for arm in row]
    assert drawn[:5] == [*names, "rl 200"] and left_out == len(alone) - 12
    curves.draw(results, tmp_path / "x.png")
    assert grid.legible(figures[0])
    assert any(text.endswith("; 60 more arms: reward_and_accuracy") for text in words(figures[0]))
