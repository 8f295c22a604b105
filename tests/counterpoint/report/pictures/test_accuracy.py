"""accuracy_by_arm.png of a study with many arms."""

from dataclasses import replace

import pytest

from counterpoint.report.pictures import accuracy
from tests.counterpoint.report import grid
from tests.counterpoint.report.grid import words

PLAIN = [f"{arm} {sample}" for sample in ("2k", "20k") for arm in ("sft", "rl", "sft_then_rl")]


def test_of_many_arms_those_on_the_samples_of_the_claims_are_drawn_and_the_others_counted(figures, tmp_path):
    results = grid.results()
    accuracy.draw(results, tmp_path / "x.png")
    (figure,) = figures
    assert grid.legible(figure)
    assert figure.get_figwidth() <= grid.WIDEST and figure.get_figheight() <= grid.TALLEST
    rows = [[text.get_text() for text in axes.get_yticklabels()] for axes in figure.axes[:: len(grid.BASES)]]
    assert len(rows) == 4 and rows[0][: 2 + len(PLAIN)] == rows[1] == rows[2] == rows[3] == ["base", "blind", *PLAIN]
    names = {arm.name for arm in results.arms if arm.method != "base"}
    assert set(rows[0][2:]) == {name for name in names if name.split()[1] in ("2k", "20k")}
    left_out = f"not drawn: {len(names) - len(rows[0]) + 2} arms, off in_domain {len(names) - len(PLAIN)}"
    assert f"samples 2k and 20k alone; {left_out}; see table arm_accuracy" in words(figure)
    # the mean over the seeds of rl 2k, where its row is
    (mean,) = [
        line for line in figure.axes[0].lines
        if line.get_marker() == "|" and line.get_ydata()[0] == rows[0].index("rl 2k")
    ]  # fmt: skip
    seeds = [results.cells[f"rl-tiny-2k-{seed}", "in_domain", "normal"].accuracy for seed in range(11, 16)]
    assert mean.get_xdata()[0] == pytest.approx(100 * sum(seeds) / 5)


def test_few_arms_are_all_drawn_on_every_suite():
    few = [run for run in grid.results().runs if run.sample in (None, "200", "20k")]
    rows, left_out = accuracy.shown(replace(grid.results(), runs=few))
    names = ["sft 200", "rl 200", *PLAIN[3:]]
    assert left_out == "" and list(rows.values()) == [["base", "blind", *names]] * 4


def test_without_plain_arms_a_few_others_stand_on_the_other_suites():
    results = grid.results()
    variants = [run for run in results.runs if run.sample in (None, "2k") and f"{run.arm} 2k" not in PLAIN]
    variants += [replace(run, arm=f"{run.arm}_{more}") for run in variants if run.sample for more in ("b", "c")]
    rows, left_out = accuracy.shown(replace(results, runs=variants, sizes={"2k": 2000, "20k": 20000}))
    names = {(run.arm, run.sample) for run in variants if run.sample}
    assert len(rows["in_domain"]) == 2 + accuracy.MOST and len(rows["text_twin"]) == 2 + accuracy.FEW
    missing, off = len(names) - accuracy.MOST, len(names) - accuracy.FEW
    assert left_out == f"not drawn: {missing} arms, off in_domain {off}; see table arm_accuracy"


def test_the_legend_names_what_is_drawn_and_no_more(figures, tmp_path):
    results = grid.results()
    few = [run for run in results.runs if run.sample in (None, "200")]
    unseen = [{**row, "measurable": row["suite"] != "text_twin"} for row in results.marts["blind"]]
    less = {key: cell for key, cell in results.cells.items() if cell.condition != "shuffled_image"}
    named = []
    for cells, blind in ((results.cells, unseen), (less, results.marts["blind"])):
        study = replace(results, runs=few, cells=cells, marts={**results.marts, "blind": blind})
        accuracy.draw(study, tmp_path / "x.png")
        named.append({text.get_text() for text in figures.pop().legends[0].get_texts()})
    assert named[0] - named[1] == {"base, shuffled_image", "not measurable: base not above blind"}
    assert "base, no_image" in named[1] < named[0]
