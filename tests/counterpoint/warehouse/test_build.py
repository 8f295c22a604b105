"""Tables, marts and data tests on a small fake study."""

import hashlib
import json
import math
import re
import shutil
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint import params, tables
from counterpoint.errors import UserError
from counterpoint.warehouse import checks
from counterpoint.warehouse.build import build
from counterpoint.warehouse.contract import KEYS, MARTS, STORED
from stages.common import PROBLEMS, eval_folder, train_folder
from stages.warehouse import sources
from tests.fixtures_warehouse import BASES_ONLY, DATABASE, REPOSITORY, TABLES, write_fake_study


def ask(sql: str, *values) -> list[tuple]:
    with duckdb.connect(str(DATABASE), read_only=True) as db:
        return db.execute(sql, values).fetchall()


def wilson(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    share = correct / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def rebuild() -> None:
    build(sources(params.load()), TABLES, DATABASE)


def digests() -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in TABLES.iterdir()}


def test_every_table_is_filled_and_sorted(study):
    for name in KEYS:
        filled = ask(f"select count(*) from {name}")[0][0] > 0
        assert filled == (name != "split_curve"), name  # no sample of this study is split
    for name in (*STORED, *MARTS):
        rows = pq.read_table(TABLES / f"{name}.parquet").to_pylist()
        order = [tuple((row[k] is None, row[k]) for k in KEYS[name]) for row in rows]
        assert order == sorted(order), name
    assert "images" not in pq.read_schema(TABLES / "problems.parquet").names


def test_a_rebuild_gives_the_same_bytes(copy):
    before = digests()
    for path in Path("data/runs").rglob("probes.parquet"):  # another order of rows in a source changes nothing
        rows = pq.read_table(path)
        pq.write_table(rows.take(list(range(len(rows)))[::-1]), path)
    rebuild()
    assert digests() == before and len(before) == len(STORED) + len(MARTS)


def test_accuracy_counts_the_items_and_gives_wilson_intervals(study):
    items = pq.read_table(eval_folder("sft-small-2k-0") / "evals.parquet").to_pylist()
    for suite, n, correct, low, high, parsed in ask(
        "select suite, n, correct, low, high, parsed_fraction from accuracy "
        "where run_id = 'sft-small-2k-0' and family = 'all' and condition = 'normal'"
    ):
        mine = [row for row in items if row["suite"] == suite and row["decoding"] == "greedy"]
        assert (n, correct) == (len(mine), sum(row["correct"] for row in mine))
        assert (low, high) == pytest.approx(wilson(correct, n), abs=1e-6)
        assert parsed == pytest.approx(sum(row["parsed"] for row in mine) / n)
    split = "select sum(n), sum(correct) from accuracy where run_id = 'base-small' and family {} 'all'"
    assert ask(split.format("=")) == ask(split.format("<>"))


def test_the_majority_is_the_most_frequent_answer_of_each_family(study):
    golds: dict[str, Counter] = {}
    for row in pq.read_table(TABLES / "problems.parquet").to_pylist():
        if row["split"] == "rule_shift":
            golds.setdefault(row["family"], Counter())[row["answer"]] += 1
    assert len(golds) == 4 and {max(counts.values()) for counts in golds.values()} == {2, 3}
    most = {family: max(counts.values()) for family, counts in golds.items()}
    expected = {family: most[family] / counts.total() for family, counts in golds.items()}
    expected["all"] = sum(most.values()) / sum(counts.total() for counts in golds.values())
    for run_id, condition in (("base-small", "normal"), ("base-small", "no_image"), ("rl-small-2k-0", "normal")):
        found = ask(
            "select family, majority from accuracy where run_id = ? and condition = ? and suite = 'rule_shift'",
            run_id,
            condition,
        )
        assert dict(found) == pytest.approx(expected)


def test_reward_stands_beside_accuracy_at_the_same_step(study):
    steps = {r["step"]: r["reward"] for r in pq.read_table(train_folder("rl-small-2k-0") / "steps.parquet").to_pylist()}
    rows = ask(
        "select step, reward, reward_since_probe, steps_since_probe from reward_vs_accuracy "
        "where run_id = 'rl-small-2k-0' and suite = 'in_domain' and decoding = 'greedy' order by step"
    )
    assert rows[0] == (0, None, None, 0) and len(rows) == 7
    for step, reward, since, count in rows[1:]:
        assert reward == steps[step] and count == 2
        assert since == pytest.approx((steps[step] + steps[step - 1]) / 2)
    assert ask("select count(*) from reward_vs_accuracy where method = 'sft'") == [(0,)]


def test_sft_and_rl_are_paired_by_problem(study):
    rows = {
        name: {(r["suite"], r["problem_id"]): r for r in pq.read_table(eval_folder(name) / "evals.parquet").to_pylist()}
        for name in ("sft-small-2k-0", "rl-small-20k-0")
    }
    sft, rl = rows.values()
    (found,) = ask("from sft_vs_rl where sft_sample = '2k' and rl_sample = '20k' and suite = 'rule_shift'")
    *_, n, both, only_sft, only_rl, neither, difference, low, high = found
    pairs = [(sft[key], rl[key]) for key in sft if key[0] == "rule_shift"]
    outcome = [(a["correct"], b["correct"]) for a, b in pairs]
    assert [both, only_sft, only_rl, neither] == [
        outcome.count(case) for case in ((True, True), (True, False), (False, True), (False, False))
    ]
    assert n == len(pairs) and difference == pytest.approx((only_sft - only_rl) / n)
    residuals: dict[str, float] = {}
    for a, b in pairs:
        step = a["correct"] - b["correct"] - difference
        residuals[a["cluster_id"]] = residuals.get(a["cluster_id"], 0.0) + step
    count = len(residuals)
    assert count < n  # the fixture has clusters
    error = math.sqrt(sum(r * r for r in residuals.values()) * count / (count - 1)) / n
    assert (low, high) == pytest.approx((difference - 1.959964 * error, difference + 1.959964 * error), abs=1e-6)


def test_cost_carries_what_a_run_started_from(study):
    columns = "total_prompts, total_train_seconds, train_seconds, gain, accuracy - base_accuracy"
    ((prompts, seconds, own, gain, difference),) = ask(
        f"select {columns} from cost_efficiency where method = 'sft_then_rl'"
    )
    assert (prompts, seconds, own) == (48, 36.0, 18.0) and gain == difference
    assert ask("select total_prompts from cost_efficiency where method = 'sft'") == [(24,)]


def test_a_step_during_which_the_process_stood_still_counts_as_the_median(copy):
    path = train_folder("rl-small-2k-0") / "timings.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    first = next(row for row in rows if row["phase"] == "step" and row["step"] == 1)
    typical, other = first["seconds"], next(row for row in rows if row["phase"] == "step" and row["step"] == 2)
    for slower, counted in ((19 * typical, 19 * typical), (21 * typical, typical)):
        other["seconds"] = slower
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
        rebuild()
        ((steps, seconds),) = ask("select updates, train_seconds from cost_efficiency where run_id = 'rl-small-2k-0'")
        assert seconds == pytest.approx((steps - 1) * typical + counted)


def test_bases_alone_give_empty_tables(tmp_path, monkeypatch):
    write_fake_study(tmp_path, BASES_ONLY)
    monkeypatch.chdir(tmp_path)
    Path("metrics/default").mkdir(parents=True)
    rebuild()
    for name in ("steps", "rewards", "probes", "completions", "reward_vs_accuracy", "sft_vs_rl", "cost_efficiency"):
        assert ask(f"select count(*) from {name}") == [(0,)]
    assert ask("select terms['accuracy'] from completions") == []


def test_runs_outside_the_grid_are_not_read(copy):
    shutil.copytree("data/runs/rl-small-2k-0", "data/runs/rl-small-2k-7")
    rebuild()
    assert ask("select count(*) from runs") == [(5,)]
    assert ask("select count(distinct run_id) from completions") == [(3,)]


def test_completions_with_a_broken_page_are_named_and_the_old_tables_stay(copy):
    path, before = train_folder("rl-small-2k-0") / "completions.parquet", digests()
    data = path.read_bytes()
    for place in (20, len(data) // 3):
        changed = bytes(255 - byte for byte in data[place : place + 64])
        path.write_bytes(data[:place] + changed + data[place + 64 :])
        with pytest.raises(UserError, match=rf"{path}: not a readable table .*; delete it and run `dvc checkout`$"):
            rebuild()
    assert digests() == before


@pytest.mark.parametrize(
    "path",
    [
        "data/runs/rl-small-2k-0/train/steps.parquet",
        "data/runs/rl-small-2k-0/train/completions.parquet",
        "data/runs/base-small/eval/run.json",
        "data/problems/rejects.parquet",
    ],
)
def test_a_missing_file_is_named_and_the_old_tables_stay(copy, path):
    before, beside = digests(), sorted(Path("metrics").iterdir())
    Path(path).unlink()
    with pytest.raises(UserError, match=rf"{re.escape(path)}: no such file; run `dvc repro`"):
        rebuild()
    assert digests() == before and sorted(Path("metrics").iterdir()) == beside


def test_a_file_without_a_column_is_named(copy):
    path = train_folder("rl-small-2k-0") / "steps.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["reward"]), path)
    with pytest.raises(UserError, match=re.escape(str(path))):
        rebuild()


def test_a_run_json_of_another_run_is_refused(copy):
    path = train_folder("rl-small-2k-0") / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "run_id": "other"}))
    with pytest.raises(UserError, match="holds the run 'other', not 'rl-small-2k-0'"):
        rebuild()


def test_a_family_with_the_name_of_the_total_is_refused(copy):
    before, made = digests(), pq.read_table(PROBLEMS)
    names = ["all" if row == "p-probe-00" else "count" for row in made["problem_id"].to_pylist()]
    pq.write_table(made.set_column(made.schema.get_field_index("family"), "family", [names]), PROBLEMS)
    with pytest.raises(
        UserError, match=r"problems\.parquet: the source 'fake' has the family 'all' .*p-probe-00"
    ) as told:
        rebuild()
    assert "\n" not in str(told.value) and digests() == before


BREAKS = {
    "evals.unique": "insert into evals from evals limit 1",
    "evals.suite.not_null": "update evals set suite = null where problem_id = 'p-in_domain-00'",
    "runs.unique": "insert into runs from runs where method = 'rl' limit 1",
    "accuracy.unique": "insert into accuracy from accuracy limit 1",
    "completions.unique": "insert into completions from completions limit 1",
    "every_run_evaluated": "delete from evals where run_id = 'rl-small-2k-0' and suite = 'rule_shift'",
    "evals_of_known_problems": "update evals set problem_id = 'p-x' where problem_id = 'p-in_domain-00'",
    "samples_of_known_problems": "update samples set problem_id = 'p-in_domain-00' where position = 0",
    "same_problems_for_every_run": "update evals set problem_id = 'p-x' "
    "where run_id = 'base-small' and problem_id = 'p-in_domain-00'",
    "records_of_known_runs": "update steps set run_id = 'stranger' where run_id = 'rl-small-2k-0'",
    "every_step_once": "delete from steps where run_id = 'sft-small-2k-0' and step = 3",
    "every_run_probed_at_start_and_end": "delete from probes where step = 0",
    "probes_match_their_items": "update probes set correct = correct + 1 where step = 2",
    "fractions_in_range": "update probes set accuracy = 1.5 where step = 2",
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_data_test_fails_on_what_it_is_for(study, name):
    with duckdb.connect() as db:
        db.execute(f"attach '{DATABASE}' as built (read_only)")
        for table in KEYS:
            db.execute(f"create table {table} as from built.{table}")
        assert checks.failures(db) == []
        db.execute(BREAKS[name])
        assert any(line.startswith(f"{name} (") for line in checks.failures(db))


def test_a_failed_data_test_stops_the_build_and_the_old_tables_stay(copy):
    before, path = digests(), train_folder("rl-small-2k-0") / "steps.parquet"
    rows = [row for row in pq.read_table(path).to_pylist() if row["step"] != 3]
    tables.write("steps", rows, path)
    with pytest.raises(UserError, match=r"^1 data tests failed.*every_step_once .*rl-small-2k-0"):
        rebuild()
    assert digests() == before


def test_accuracy_out_of_range_is_found():
    with duckdb.connect() as db:
        keys = "run_id int, suite int, condition int, family int"
        db.execute(f"create table accuracy ({keys}, accuracy double, low double, high double, correct int, n int)")
        _, sql = checks.tests()["accuracy_in_range"]
        db.execute("insert into accuracy values (1, 1, 1, 1, 0.5, 0.2, 0.8, 1, 2)")
        assert db.execute(sql).fetchall() == []
        db.execute("insert into accuracy values (2, 1, 1, 1, 1.5, 0.2, 0.8, 3, 2), (3, 1, 1, 1, null, 0, 1, 0, 0)")
        assert {row[0] for row in db.execute(sql).fetchall()} == {2, 3}


def test_every_column_is_described(study):
    described, table = set(), None
    for line in (REPOSITORY / "docs/tables.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"### (\w+)$", line):
            table = heading[1]
        elif (cell := re.match(r"\| (\**)(\w+)\1 \| (.+) \|$", line)) and cell[2] != "column":
            described.add((table, cell[2], bool(cell[1])))
    real = {
        (table, column, column in KEYS.get(table, ()))
        for table, column in ask("select table_name, column_name from information_schema.columns")
    }
    assert described == real
