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
    assert cell.unparsed == pytest.approx(sum(not row["parsed"] for row in items) / len(items))
    assert cell.truncated == pytest.approx(sum(row["truncated"] for row in items) / len(items))
    assert cell.low < cell.accuracy < cell.high


def test_the_gain_over_the_base_is_paired(full):
    right = {
        (row["run_id"], row["problem_id"]): row["correct"]
        for row in pq.read_table(full.tables / "evals.parquet").to_pylist()
        if (row["suite"], row["condition"], row["decoding"]) == ("in_domain", "normal", "greedy")
    }
    pair = full.results.gains["sft-tiny-2k-0", "in_domain"]
    ids = sorted({problem for _, problem in right})
    gaps = [right["sft-tiny-2k-0", i] - right["base-tiny", i] for i in ids]
    mean = sum(gaps) / len(gaps)
    # here every problem is a cluster of its own, so the error is the plain one of a mean
    error = (sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1) / len(gaps)) ** 0.5
    assert pair.difference == pytest.approx(mean)
    assert (pair.low, pair.high) == pytest.approx((mean - 1.959964 * error, mean + 1.959964 * error), abs=1e-6)
    assert pair.sign == (pair.low > 0)


def test_smallest_and_largest_sample_are_found_by_size(small_grids):
    pairs = small_grids["one model"].compared()
    assert {(pair.first.sample, pair.second.sample) for pair in pairs} == {("100", "2k")}
    assert len(pairs) == 5


def test_a_base_that_is_no_better_blind_is_not_measurable(full, small_grids):
    assert full.results.measurable("small", "in_domain") is True
    assert full.results.measurable("small", "text_twin") is False
    assert full.results.measurable("unknown", "in_domain") is None


def test_the_runs_of_one_arm_stand_together(seeds):
    groups = seeds.results.groups
    assert [group.name for group in groups if group.model == "tiny"] == [
        "base", "sft 2k", "rl 2k", "sft_then_rl 2k", "sft 20k", "rl 20k"
    ]  # fmt: skip
    assert {tuple(run.seed for run in group.runs) for group in groups if group.method != "base"} == {(1, 2, 3)}
    assert [run.run_id for group in groups for run in group.runs] == [run.run_id for run in seeds.results.runs]


def test_every_seed_has_its_own_gain_over_the_one_base(seeds):
    results = seeds.results
    group = next(group for group in results.groups if group.title == "small · sft 20k")
    pairs, cells = results.group_gains(group, "text_twin"), results.group_cells(group, "text_twin")
    base = results.cell(results.base("small"), "text_twin")
    assert [pair.difference for pair in pairs] == pytest.approx([cell.accuracy - base.accuracy for cell in cells])
    assert {pair.second.run_id for pair in pairs} == {"base-small"} and len(pairs) == 3


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
    (tables / "evals.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(UserError, match=r"evals\.parquet: not a readable table.*dvc repro warehouse"):
        read.load(tables, "fake")
    (tables / "evals.parquet").unlink()
    with pytest.raises(UserError, match=r"evals\.parquet: no such table; run `dvc repro warehouse`"):
        read.load(tables, "fake")


@pytest.mark.parametrize("name", ["evals", "findings", "probes"])
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


@pytest.mark.parametrize("name", read.MARTS)
def test_every_mart_is_asked_for(name, full, tmp_path):
    shutil.copytree(full.tables, tmp_path / "tables")
    (tmp_path / "tables" / f"{name}.parquet").unlink()
    with pytest.raises(UserError, match=rf"{name}\.parquet: no such table; run `dvc repro warehouse`"):
        read.load(tmp_path / "tables", "fake")
