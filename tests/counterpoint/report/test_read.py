import shutil

import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from counterpoint.report import read


def test_models_samples_and_suites_stand_in_an_order_of_their_own(full):
    results = full.results
    assert results.models == ["tiny", "small", "small_early"]
    assert list(results.sizes) == ["2k", "20k"]
    assert results.suites == ["in_domain", "rule_shift", "visual_shift", "difficulty_shift", "text_twin"]
    arms = [(run.arm, run.sample) for run in results.runs if run.model == "tiny"]
    assert arms[:4] == [("base", None), ("sft", "2k"), ("sft_lora", "2k"), ("rl", "2k")]
    assert arms[-1] == ("rl", "20k")


def test_a_cell_counts_the_greedy_answers(full):
    items = [
        row
        for row in pq.read_table(full.tables / "evals.parquet").to_pylist()
        if (row["run_id"], row["suite"], row["condition"]) == ("sft-tiny-2k-0", "rule_shift", "normal")
    ]
    cell = full.results.cells["sft-tiny-2k-0", "rule_shift", "normal"]
    assert (cell.n, cell.accuracy) == (len(items), sum(row["correct"] for row in items) / len(items))
    assert cell.low < cell.accuracy < cell.high


def test_the_seeds_differences_are_of_the_small_sample_of_the_claims_against_the_large(seeds):
    rows = seeds.results.marts["seed_differences"]
    assert len(rows) == 2 * len(seeds.results.suites) * 3 and {row["seed"] for row in rows} == {1, 2, 3}
    row = next(r for r in rows if (r["model"], r["suite"], r["seed"]) == ("small", "rule_shift", 2))
    first, second = (
        seeds.results.cells[f"{name}-2", "rule_shift", "normal"] for name in ("sft-small-2k", "rl-small-20k")
    )
    assert row["difference"] == pytest.approx(first.accuracy - second.accuracy)


def test_a_base_that_is_no_better_blind_is_not_measurable(full, small_grids):
    assert full.results.measurable("small", "in_domain") is True
    assert full.results.measurable("small", "text_twin") is False
    assert full.results.measurable("unknown", "in_domain") is None


def test_the_runs_of_one_arm_stand_together(seeds):
    arms = seeds.results.arms
    assert [arm.name for arm in arms if arm.model == "tiny"] == [
        "base", "sft 2k", "rl 2k", "sft_then_rl 2k", "sft 20k", "rl 20k"
    ]  # fmt: skip
    assert {tuple(run.seed for run in arm.runs) for arm in arms if arm.method != "base"} == {(1, 2, 3)}
    assert [run.run_id for arm in arms for run in arm.runs] == [run.run_id for run in seeds.results.runs]


def test_terms_are_weighted_and_add_up_to_the_reward(planted):
    terms = planted.results.terms["rl_leaky_list-tiny-2k-1"]
    assert [(term.name, term.kind, term.strict, term.weight) for term in terms] == [
        ("leaky_list", "accuracy", False, 0.9), ("format", "format", False, 0.1),
    ]  # fmt: skip
    assert [term.strict for term in planted.results.terms["rl-tiny-2k-1"]] == [True, False]
    rewards = planted.results.rewards["rl_leaky_list-tiny-2k-1"]
    total = [first + second for (_, first), (_, second) in zip(terms[0].series, terms[1].series, strict=True)]
    assert [step for step, _ in terms[0].series] == [step for step, _ in rewards]
    assert total == pytest.approx([reward for _, reward in rewards])


def test_a_missing_or_broken_table_is_named_with_the_remedy(tmp_path, study):
    tables = study.write(tmp_path, [study.run("base", "small")], items=2)
    (tables / "probes.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(UserError, match=r"probes\.parquet: not a readable table.*dvc repro warehouse"):
        read.load(tables, "fake")
    (tables / "probes.parquet").unlink()
    with pytest.raises(UserError, match=r"probes\.parquet: no such table; run `dvc repro warehouse`"):
        read.load(tables, "fake")


@pytest.mark.parametrize("name", ["accuracy", "findings", "probes"])
def test_a_table_that_is_garbled_inside_is_named_when_it_is_read(name, full, tmp_path):
    tables = shutil.copytree(full.tables, tmp_path / "tables")
    path = tables / f"{name}.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :])  # its footer is as it was
    with pytest.raises(
        UserError, match=rf"{name}\.parquet: not a readable table .*run `dvc repro warehouse`"
    ) as caught:
        read.load(tables, "fake")
    assert "\n" not in str(caught.value)


def test_tables_of_another_version_are_told(full, tmp_path):
    tables = shutil.copytree(full.tables, tmp_path / "tables")
    path = tables / "accuracy.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["majority"]), path)
    with pytest.raises(UserError, match=r"tables: tables of another version .*majority.*run `dvc repro warehouse`"):
        read.load(tables, "fake")


@pytest.mark.parametrize("name", ["arm_accuracy", "blind", "findings", "term_kinds"])
def test_every_table_is_asked_for(name, full, tmp_path):
    shutil.copytree(full.tables, tmp_path / "tables")
    (tmp_path / "tables" / f"{name}.parquet").unlink()
    with pytest.raises(UserError, match=rf"{name}\.parquet: no such table; run `dvc repro warehouse`"):
        read.load(tmp_path / "tables", "fake")
