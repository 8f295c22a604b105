"""Arms that stand side by side differ in what they are compared for alone; others are left out."""

import json

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import files
from tests.counterpoint.analysis import made_up_arms as made_up


def mart(db, name: str, **wanted) -> list[dict]:
    rows = made_up.rows_of(db, name)
    return [row for row in rows if all(row[column] == value for column, value in wanted.items())]


def run(
    arm: str, kind: str | None = "oracle", method: str = "sft", plain: bool = True, section: str = "a",
    seed: int = 0, sample: str = "2k", whole: bool = True,
) -> dict:  # fmt: skip
    """The row of a run in `runs`; its trace set is named as its kind."""
    told = {"options": {}, "settings": {} if plain else {"epochs": 2}, "part": None if whole else [0.0, 0.5]}
    return {
        "run_id": f"{arm}-{sample}-{seed}", "arm": arm, "method": method, "model": "m", "sample": sample, "seed": seed,
        "trace_set": kind, "params_json": json.dumps({"arm": told, "sft": section}, sort_keys=True),
    }  # fmt: skip


def sft_arms(runs: list[dict]) -> dict[str, dict[str, str]]:
    """By sample, the arm of each kind."""
    kinds = [{"trace_set": kind, "kind": kind} for kind in ("oracle", "self")]
    with duckdb.connect() as db:
        for name, rows in (("runs", runs), ("trace_sets", kinds)):
            made_up.add(db, name, pa.Table.from_pylist(rows, TABLES[name].schema))
        for name in ("arm_settings", "sft_arms"):
            db.execute(f"create view {name} as {files('staging')[name]}")
        found: dict[str, dict[str, str]] = {}
        for sample, kind, arm in db.execute("select sample, kind, arm from sft_arms").fetchall():
            found.setdefault(sample, {})[kind] = arm
    return found


@pytest.mark.parametrize(("runs", "expected"), [
    ([run("sft_long", plain=False), run("again"), run("sft", plain=False)], {"oracle": "sft"}),
    ([run("a"), run("sft_oracle", plain=False)], {"oracle": "sft_oracle"}),
    ([run("b"), run("a")], {"oracle": "a"}),
    ([run("long", plain=False), run("dft", method="dft"), run("sft", None), run("sft", whole=False, seed=1)], {}),
    ([run("sft"), run("b", "self"), run("a", "self"), run("sft_self", "self")], {"oracle": "sft", "self": "sft_self"}),
    ([run("sft"), run("b", "self", plain=False), run("sft_self", "self", section="b")], {"oracle": "sft", "self": "b"}),
    ([run("sft", plain=False, section="b"), run("sft_self", "self")], {"oracle": "sft"}),  # tuned, but for this kind
    ([run("sft"), run("sft_self", "self"), run("sft_self", "self", section="b", seed=1)], {"oracle": "sft"}),
    ([run("sft"), run("sft_self", "self", whole=False)], {"oracle": "sft"}),
    ([run("sft_self", "self")], {}),  # nothing to hold it against
])  # fmt: skip
def test_which_arm_stands_for_a_kind(runs, expected):
    assert sft_arms(runs) == ({"2k": expected} if expected else {})


def test_a_kind_is_held_against_the_oracle_of_its_own_sample():
    runs = [run("sft"), run("sft_self", "self")]
    runs += [run("sft", sample="500", section="b"), run("sft_self", "self", sample="500")]
    assert sft_arms(runs) == {"2k": {"oracle": "sft", "self": "sft_self"}, "500": {"oracle": "sft"}}


def changed(db, path: str, value, where: str) -> duckdb.DuckDBPyConnection:
    """A copy of the study's tables with a key of `params_json` changed in some runs, and its marts anew."""
    other = duckdb.connect(config={"threads": 1})
    for name in ("runs", "trace_sets", "samples", "evals", "timings", "problems"):
        made_up.add(other, name, db.sql(f"from {name}").to_arrow_table())
    *parents, last = path.split(".")
    for key, text in other.execute(f"select run_id, params_json from runs where {where}").fetchall():
        told = place = json.loads(text)
        for name in parents:
            place = place[name]
        place[last] = value
        other.execute("update runs set params_json = ? where run_id = ?", [json.dumps(told, sort_keys=True), key])
    return made_up.derived(other)


@pytest.fixture(scope="module")
def small():
    """The splits and two kinds of traces on one sample."""
    arms = ("sft", "rl", "sft_self", *(f"{name}_{n}" for name in ("sft_part", "split") for n in (25, 50, 75)))
    return made_up.study(np.random.default_rng(0), [(arms, ("tiny",), ("500",), (1, 2))], items=4)


@pytest.mark.parametrize(("path", "value", "where", "kept"), [
    ("sft.epochs", 2, "arm = 'sft_part_25'", [0, 0.5, 0.75, 1]),  # another SFT before
    ("sft.epochs", 2, "run_id = 'sft_part_25-tiny-500-2'", [0, 0.5, 0.75, 1]),  # of one seed
    ("arm.traces", "self", "arm = 'sft_part_50'", [0, 0.25, 0.75, 1]),  # other traces
    ("arm.options", {"first": 1}, "arm = 'sft_part_50'", [0, 0.25, 0.75, 1]),
    ("arm.options", {"first": 1}, "arm = 'rl'", [0.25, 0.5, 0.75, 1]),
    ("sft_then_rl.learning_rate", 0.1, "arm = 'split_75'", [0, 0.25, 0.5, 1]),  # another RL after
    ("rl.learning_rate", 0.1, "arm = 'rl'", []),  # than any split: the ends alone are no curve
    ("sft.learning_rate", 0.1, "method = 'sft'", [0, 0.25, 0.5, 0.75, 1]),  # the same in all
    ("arm.settings", {"epochs": 1}, "arm = 'split_25'", [0, 0.25, 0.5, 0.75, 1]),  # told, and no other
])  # fmt: skip
def test_the_split_curve_has_arms_that_differ_in_their_share_alone(small, path, value, where, kept):
    rows = mart(changed(small, path, value, where), "split_curve", suite="in_domain")
    assert [row["share"] for row in rows] == kept


def test_without_ends_the_splits_are_held_against_each_other(small):
    other = changed(small, "sft_then_rl.epochs", 3, "arm = 'split_75'")
    other.execute("delete from runs where arm in ('sft', 'rl')")
    other.execute("drop table split_curve")
    other.execute(f"create table split_curve as {files('marts')['split_curve']}")
    assert [row["share"] for row in mart(other, "split_curve", suite="in_domain")] == [0.25, 0.5]


def test_a_kind_that_was_trained_otherwise_is_left_out(small):
    assert {row["kind"] for row in mart(changed(small, "sft.epochs", 1, "false"), "phase")} == {"oracle", "self"}
    for path, value in (("sft.epochs", 3), ("arm.options", {"first": 1}), ("arm.part", [0.0, 0.5])):
        other = changed(small, path, value, "arm = 'sft_self'")
        for name in ("phase", "trace_kinds"):
            assert {row["kind"] for row in mart(other, name)} == {"oracle"}
        assert mart(other, "arm_accuracy", arm="sft_self")
