"""The marts of the factors against the same numbers worked out plainly."""

from collections import defaultdict

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from counterpoint.analysis import arms
from counterpoint.statistics.crossed import crossed_interval
from counterpoint.tables import TABLES
from counterpoint.warehouse.contract import files
from tests.counterpoint.analysis import made_up_arms as made_up


@pytest.fixture(scope="module")
def db():
    """The made-up study, as it is."""
    return made_up.shared()


def answers(db, arm: str, model: str, sample: str, suite: str, seeds) -> np.ndarray:
    """Right or wrong (seeds, problems), greedy and normal, in the order of the problems."""
    found = [
        db.execute(
            "select correct from evals where run_id = ? and suite = ? and condition = 'normal' "
            "and decoding = 'greedy' order by problem_id",
            [made_up.run_id(arm, model, sample, seed), suite],
        ).fetchnumpy()["correct"]
        for seed in seeds
    ]
    return np.array(found, float)


def mart(db, name: str, **wanted) -> list[dict]:
    rows = made_up.rows_of(db, name)
    return [row for row in rows if all(row[column] == value for column, value in wanted.items())]


CLUSTERS = np.arange(60) // 2


def test_the_marts_have_their_schemas_and_are_sorted_and_the_same_again(db):
    found, again = made_up.marts(db), made_up.marts(db)
    assert set(found) == set(arms.TABLES)
    for name, table in found.items():
        assert table.schema == arms.TABLES[name].schema and table.equals(again[name])
        keys = [tuple((row[k] is None, row[k]) for k in arms.TABLES[name].key) for row in table.to_pylist()]
        assert keys == sorted(set(keys)) and keys


@pytest.mark.parametrize(("model", "sample", "kind", "arm"), [
    ("tiny", "2k", "oracle", "sft"), ("small", "500", "noisy", "sft_noisy"), ("tiny", "20k", "oracle", "sft"),
])  # fmt: skip
def test_a_cell_is_sft_less_rl_over_seeds_and_problems(db, model, sample, kind, arm):
    for suite in made_up.SUITES:
        (row,) = mart(db, "phase", model=model, sample=sample, kind=kind, suite=suite)
        sft, rl = (answers(db, name, model, sample, suite, (1, 2, 3)) for name in (arm, "rl"))
        expected = crossed_interval(sft - rl, CLUSTERS)
        assert (row["sft_arm"], row["seeds"], row["n"], row["problems"]) == (arm, 3, 60, made_up.SIZES[sample])
        assert (row["sft"], row["rl"]) == pytest.approx((sft.mean(), rl.mean()))
        told = (row["difference"], row["low"], row["high"], row["p"])
        assert told == pytest.approx((sft.mean() - rl.mean(), max(expected.low, -1), min(expected.high, 1), expected.p))
        assert row["significant"] == (expected.low > 0 or expected.high < 0)
        base = db.execute(
            "select avg(correct::int) from evals where run_id = ? and suite = ? and condition = 'normal' "
            "and decoding = 'greedy'", [f"base-{model}", suite],
        ).fetchone()[0]  # fmt: skip
        assert row["base_accuracy"] == pytest.approx(base)


def test_one_seed_has_students_interval_over_states(db):
    (row,) = mart(db, "phase", model="tiny", sample="200", kind="oracle", suite="in_domain")
    sft, rl = (answers(db, arm, "tiny", "200", "in_domain", (1,))[0] for arm in ("sft", "rl"))
    states = (sft - rl).reshape(30, 2).mean(1)
    half = stats.t.ppf(0.975, 29) * states.std(ddof=1) / np.sqrt(30)
    assert row["seeds"] == 1
    told = (row["difference"], row["low"], row["high"])
    assert told == pytest.approx((states.mean(), states.mean() - half, states.mean() + half))


def test_what_is_planted_is_found():
    runs = [(("sft", "rl", "sft_answer_only"), ("tiny", "small"), ("500", "2k"), (1, 2, 3))]
    study = made_up.derived(made_up.study(np.random.default_rng(3), runs, items=600, seed_sd=0.0))
    planted = {
        (model, sample, kind): made_up.level(made_up.ARMS[arm], model, sample, "in_domain")
        - made_up.level(made_up.ARMS["rl"], model, sample, "in_domain")
        for model in ("tiny", "small") for sample in ("500", "2k")
        for kind, arm in (("oracle", "sft"), ("answer_only", "sft_answer_only"))
    }  # fmt: skip
    found = {(r["model"], r["sample"], r["kind"]): r for r in mart(study, "phase", suite="in_domain")}
    assert found.keys() == planted.keys()
    for key, row in found.items():
        assert abs(row["difference"] - planted[key]) < 0.8 * (row["high"] - row["low"]), key
        assert row["significant"] or abs(planted[key]) < 0.1, key
        assert not row["significant"] or row["difference"] * planted[key] > 0, key
    assert found["small", "500", "oracle"]["difference"] < -0.2 < 0 < found["tiny", "2k", "oracle"]["difference"]


def test_each_kind_has_the_arm_that_differs_in_its_traces_alone(db):
    arms = {row["kind"]: row["sft_arm"] for row in mart(db, "phase")}
    assert arms == {kind: "sft" if kind == "oracle" else f"sft_{kind}" for kind in made_up.KINDS}
    cells = {(row["model"], row["sample"]) for row in mart(db, "phase", kind="self")}
    assert cells == {(model, sample) for model in made_up.BASES for sample in ("500", "2k")}


def test_seeds_and_problems_that_one_side_lacks_are_left_out(db):
    other = duckdb.connect()
    for name in ("runs", "trace_sets", "samples", "evals"):
        made_up.add(other, name, db.sql(f"from {name}").to_arrow_table())
    other.execute("delete from evals where run_id = 'rl-tiny-2k-2'")
    other.execute("delete from evals where run_id = 'sft-tiny-2k-3' and problem_id < 'in_domain-0006'")
    (row,) = [
        row for row in made_up.marts(other)["phase"].to_pylist()
        if (row["model"], row["sample"], row["kind"], row["suite"]) == ("tiny", "2k", "oracle", "in_domain")
    ]  # fmt: skip
    sft, rl = (answers(db, arm, "tiny", "2k", "in_domain", (1, 3))[:, 6:] for arm in ("sft", "rl"))
    assert (row["seeds"], row["n"]) == (2, 54)
    assert row["difference"] == pytest.approx((sft - rl).mean())


def test_arm_accuracy_pools_the_seeds_of_every_arm_and_has_the_bases(db):
    (row,) = mart(db, "arm_accuracy", model="small", arm="chord_mu", sample="2k", suite="text_twin")
    right = answers(db, "chord_mu", "small", "2k", "text_twin", (1, 2, 3))
    expected = crossed_interval(right, CLUSTERS)
    assert (row["method"], row["kind"], row["seeds"], row["n"], row["clusters"]) == ("chord", "oracle", 3, 60, 30)
    assert (row["accuracy"], row["low"], row["high"]) == pytest.approx(
        (right.mean(), max(expected.low, 0), min(expected.high, 1))
    )
    bases = mart(db, "arm_accuracy", method="base", suite="in_domain")
    assert {(row["model"], row["sample"], row["seeds"]) for row in bases} == {(m, None, 1) for m in made_up.BASES}


def test_kinds_of_traces_stand_against_the_oracle_on_the_same_problems(db):
    (row,) = mart(db, "trace_kinds", model="tiny", sample="2k", kind="self", suite="in_domain")
    own, oracle = (answers(db, arm, "tiny", "2k", "in_domain", (1, 2, 3)) for arm in ("sft_self", "sft"))
    expected = crossed_interval(own - oracle, CLUSTERS)
    assert (row["accuracy"], row["oracle"], row["difference"]) == pytest.approx(
        (own.mean(), oracle.mean(), own.mean() - oracle.mean())
    )
    assert (row["low"], row["high"]) == pytest.approx((max(expected.low, -1), min(expected.high, 1)))
    assert (row["way"], row["acceptance"], row["coverage"]) == ("sampled", 0.5, 0.75)
    assert (row["trace_nll"], row["wrong_steps"], row["teacher_tokens"]) == pytest.approx((0.5, 0.0, 400_000))
    (plain,) = mart(db, "trace_kinds", model="tiny", sample="2k", kind="oracle", suite="in_domain")
    assert (plain["difference"], plain["oracle"], plain["significant"]) == (None, None, None)
    assert plain["accuracy"] == pytest.approx(oracle.mean()) and plain["acceptance"] == 1.0


def test_every_other_arm_stands_against_the_plain_ones_on_their_seeds_and_problems(db):
    (row,) = mart(db, "arm_contrasts", model="small", arm="chord_mu", against="rl", sample="2k", suite="text_twin")
    own, rl = (answers(db, arm, "small", "2k", "text_twin", (1, 2, 3)) for arm in ("chord_mu", "rl"))
    expected = crossed_interval(own - rl, CLUSTERS)
    assert (row["method"], row["problems"], row["seeds"], row["n"]) == ("chord", 2000, 3, 60)
    assert (row["accuracy"], row["against_accuracy"], row["difference"]) == pytest.approx(
        (own.mean(), rl.mean(), own.mean() - rl.mean())
    )
    assert (row["low"], row["high"], row["p"]) == pytest.approx(
        (max(expected.low, -1), min(expected.high, 1), expected.p)
    )
    asked = {(row["model"], row["arm"], row["sample"]) for row in mart(db, "arm_accuracy") if row["arm"] != "base"}
    plain = {key for key in asked if key[1] in ("sft", "rl")}
    held = {(row["model"], row["arm"], row["sample"], row["against"]) for row in mart(db, "arm_contrasts")}
    assert held == {
        (*key, against) for key in asked - plain for against in ("sft", "rl") if (key[0], against, key[2]) in plain
    }


def test_teachers_cost_tokens_and_seconds(db):
    columns = "teacher_tokens, total_teacher_tokens, teacher_seconds, total_teacher_seconds, total_prompts"

    def cost(run_id: str) -> tuple:
        return db.execute(f"select {columns} from cost_efficiency where run_id = '{run_id}'").fetchone()

    assert cost("sft-tiny-2k-1") == (0, 0, 0.0, 0.0, 2000)
    assert cost("rl-tiny-2k-1") == (0, 0, 0.0, 0.0, 2000)
    assert cost("sft_self-tiny-2k-1") == (400_000, 400_000, 16.0, 16.0, 2000)
    assert cost("sft_sibling-tiny-2k-1") == (400_000, 400_000, 16.0, 16.0, 2000)  # its teacher is there anyway
    # trained for this run alone, the teacher of the second round counts with all that it cost
    assert cost("sft_self_again-tiny-2k-1") == (400_000, 800_000, 16.0, 32.0, 4000)
    assert cost("split_25-tiny-2k-1") == (0, 0, 0.0, 0.0, 2000)


def test_of_a_shared_set_a_run_takes_the_seconds_of_its_tokens_and_untimed_ones_are_unknown():
    runs = [(("sft_self", "sft_self_again"), ("tiny",), ("500",), (1,))]
    study = made_up.study(np.random.default_rng(0), runs, items=10)
    study.execute("update runs set teacher_tokens = 25_000 where run_id = 'sft_self-tiny-500-1'")
    study.execute("delete from timings where run_id = 'self_again-tiny-500-1'")
    made_up.derived(study)
    rows = {row["arm"]: row for row in mart(study, "cost_efficiency")}
    assert rows["sft_self"]["teacher_seconds"] == 4.0 * 25_000 / 100_000
    assert (rows["sft_self_again"]["teacher_seconds"], rows["sft_self_again"]["total_teacher_seconds"]) == (None, None)
    assert rows["sft_self_again"]["total_teacher_tokens"] == 125_000
    (row,) = mart(study, "cost_curve", arm="sft_self_again")
    assert (row["spent_seconds"], row["efficient_by_seconds"]) == (None, False)


def test_what_is_efficient_is_beaten_by_nobody(db):
    by_model = defaultdict(list)
    for row in mart(db, "cost_curve"):
        by_model[row["model"]].append(row)
    for rows in by_model.values():
        for cost, told in (
            ("total_prompts", "efficient_by_prompts"), ("sampled_tokens", "efficient_by_tokens"),
            ("spent_seconds", "efficient_by_seconds"),
        ):  # fmt: skip
            pairs = [(row[cost], row["accuracy"]) for row in rows]
            for row in rows:
                mine = (row[cost], row["accuracy"])
                beaten = any((c <= 1.05 * mine[0] and a > mine[1]) or (c < mine[0] and a == mine[1]) for c, a in pairs)
                assert row[told] == (not beaten)
    (base,) = [row for row in by_model["tiny"] if row["arm"] == "base"]
    assert (base["total_prompts"], base["sampled_tokens"], base["spent_seconds"]) == (0, 0, 0)
    assert base["efficient_by_prompts"] and not base["efficient_by_tokens"]  # given traces cost no token


def test_costs_are_means_over_seeds_of_all_that_a_run_started_from(db):
    (row,) = mart(db, "cost_curve", model="tiny", arm="sft_then_rl", sample="2k")
    assert (row["seeds"], row["total_prompts"], row["total_updates"]) == (3, 4000, 32 + 125)
    assert row["sampled_tokens"] == 160 * 2000
    assert row["spent_seconds"] == pytest.approx(32 * 0.1 + 125 * 0.7)


def test_the_split_curve_runs_from_rl_to_sft_at_one_budget(db):
    rows = mart(db, "split_curve", model="tiny", sample="2k", suite="in_domain")
    assert [(row["share"], row["arm"]) for row in rows] == [
        (0.0, "rl"), (0.25, "split_25"), (0.5, "split_50"), (0.75, "split_75"), (1.0, "sft")
    ]  # fmt: skip
    assert {row["problems"] for row in rows} == {2000}
    assert [row["total_updates"] for row in rows] == [125, 8 + 94, 16 + 63, 24 + 32, 32]
    right = answers(db, "split_25", "tiny", "2k", "in_domain", (1, 2, 3))
    assert rows[1]["accuracy"] == pytest.approx(right.mean())
    # not where nothing was split between the two
    assert {row["sample"] for row in mart(db, "split_curve")} == {"500", "2k"}


@pytest.mark.parametrize("name", ["when_sft_wins", "trace_kinds", "arm_contrasts", "cost_curve", "split_curve"])
def test_a_published_query_answers_its_question(db, name):
    sql = files("queries")[name]
    assert sql.startswith("-- ") and sql.splitlines()[0].count("?") == 1
    columns = db.execute(sql).fetchnumpy()
    rows = db.execute(sql).fetchall()
    assert rows and all(any(value is not None for value in column) for column in zip(*rows, strict=True))
    if name == "when_sft_wins":
        assert set(columns["ahead"]) == {"SFT", "RL", "not told apart"}
    if name == "split_curve":
        assert set(columns["sft_share"]) == {0, 25, 50, 75, 100}


def test_bases_alone_give_empty_marts():
    with duckdb.connect() as db:
        rows = [{column: made_up.base("m").get(column) for column in TABLES["runs"].schema.names}]
        made_up.add(db, "runs", pa.Table.from_pylist(rows, TABLES["runs"].schema))
        for name in ("trace_sets", "samples", "evals"):
            made_up.add(db, name, TABLES[name].schema.empty_table())
        for name, table in made_up.marts(db).items():
            assert table.num_rows == 0 and table.schema == arms.TABLES[name].schema
