"""The marts verifier_audit and reward_gap, and what stands beside a verdict, against the same in plain Python."""

from __future__ import annotations

import json

import duckdb
import pyarrow.parquet as pq
import pytest

from counterpoint import params, tables
from counterpoint.errors import UserError
from counterpoint.warehouse import checks, contract
from counterpoint.warehouse.build import build
from stages.common import eval_folder, train_folder
from stages.warehouse import sources
from tests.counterpoint.analysis import made_up_rewards as made_up
from tests.counterpoint.analysis.made_up_rewards import HONEST, Run, flat, rising
from tests.fixtures_warehouse import DATABASE, TABLES

BLANK = "condition = 'no_image' and family = 'all'"
RL = ("rl-small-2k-0", "rl-small-20k-0", "sft_then_rl-small-2k-0")
MIXED = {"accuracy": 0.4, "leaky_list": 0.3, "format": 0.1, "length": 0.15, "coin": 0.05}
RUNS = [
    Run("mixed-m-2k-1", MIXED, rising(0.4, 0.3), {"leaky_list": rising(0.1, 0.8), "length": flat(0.4)}, probes=4),
    Run("form-m-2k-1", {"format": 1.0}, flat(0.3), {"format": flat(0.6)}, ("format",), probes=4),
    Run("rl-m-2k-1", HONEST, rising(0.3, 0.6), {"format": flat(0.7)}, probes=4),
]


@pytest.fixture(scope="module")
def records() -> dict[str, list[dict]]:
    return made_up.records(RUNS)


@pytest.fixture(scope="module")
def db(records):
    with made_up.database(records) as made:
        yield made


def ask(sql: str) -> list[dict]:
    with duckdb.connect(str(DATABASE), read_only=True) as built:
        return made_up.asked(built, sql)


def share(rows: list[dict], wanted) -> float | None:
    return sum(map(wanted, rows)) / len(rows) if rows else None


def test_every_completion_is_judged_twice(db, records):
    found = {(row["run_id"], row["step"]): row for row in made_up.asked(db, "from verifier_audit")}
    assert len(found) == sum(made_up.EVERY * (run.probes - 1) for run in RUNS)
    seen = set()
    for run in RUNS:
        claims = [term for term in run.weights if term in ("accuracy", "leaky_list")]

        def called(row, claims=claims):
            return any(dict(row["terms"])[term] >= 0.5 for term in claims)

        for step in range(1, made_up.EVERY * (run.probes - 1) + 1):
            rows = [r for r in records["completions"] if (r["run_id"], r["step"]) == (run.run_id, step)]
            right, wrong = ([r for r in rows if r["correct"] is verdict] for verdict in (True, False))
            expected = {
                "n": len(rows), "strict_accuracy": share(rows, lambda r: r["correct"]),
                "called_right": share(rows, called),
                "false_positive_share": share(rows, lambda r: called(r) and not r["correct"]),
                "false_positive_rate": share(wrong, called),
                "false_negative_rate": share(right, lambda r: not called(r)),
            }  # fmt: skip
            if not claims:
                expected |= dict.fromkeys(list(expected)[2:])
            expected |= {
                "exploited": share(rows, lambda r: r["reward"] >= 0.5 and not r["correct"]),
                "mean_length": share(rows, lambda r: r["tokens"]),
                "mean_length_right": share(right, lambda r: r["tokens"]),
                "mean_length_wrong": share(wrong, lambda r: r["tokens"]),
                "parsed_fraction": share(rows, lambda r: r["parsed"]),
                "truncated_fraction": share(rows, lambda r: r["truncated"]),
            }
            row = found[run.run_id, step]
            assert {name: row[name] for name in expected} == pytest.approx(expected)
            seen |= {(run.run_id, row["false_positive_rate"] and row["false_positive_rate"] > 0)}
    assert seen >= {("mixed-m-2k-1", True), ("rl-m-2k-1", 0.0), ("form-m-2k-1", None)}


def test_a_reward_that_calls_right_answers_wrong_is_counted(records):
    """Shuffled verdicts under the name of the judge: half of what is right is called wrong."""
    changed = [
        {**row, "terms": [("accuracy", float(i % 2))]} if row["run_id"] == "rl-m-2k-1" else row
        for i, row in enumerate(records["completions"])
    ]
    with made_up.database({**records, "completions": changed}) as db:
        rows = made_up.asked(db, "from verifier_audit where run_id = 'rl-m-2k-1'")
    for name in ("false_negative_rate", "false_positive_rate"):
        assert sum(row[name] for row in rows) / len(rows) == pytest.approx(0.5, abs=0.15)


def test_what_a_reward_is_made_of_adds_up_to_it(db, records):
    found = made_up.asked(db, "from reward_gap order by run_id, step")
    assert len(found) == sum(run.probes for run in RUNS)
    weights = {run.run_id: run.weights for run in RUNS}
    for row in found:
        assert row["reward"] == pytest.approx(
            row["earned"] + sum(row[f"{name}_gap"] for name in (
                "format", "length", "noise", "verifier", "memorisation", "decoding",
            ))
        )  # fmt: skip
        before = row["step"] - made_up.EVERY if row["step"] else 0
        steps = range(before + 1, max(row["step"], 1) + 1)
        rows = [r for r in records["completions"] if r["run_id"] == row["run_id"] and r["step"] in steps]
        own = weights[row["run_id"]]

        earned = [dict(r["terms"]) for r in rows]

        def paid(*terms, own=own, earned=earned):
            return sum(own.get(term, 0) * sum(given.get(term, 0) for given in earned) / len(earned) for term in terms)

        judging = own.get("accuracy", 0) + own.get("leaky_list", 0)
        strict = share(rows, lambda r: r["correct"])
        held_out = {
            decoding: next(
                p["accuracy"] for p in records["probes"]
                if (p["run_id"], p["step"], p["suite"], p["decoding"]) == (row["run_id"], row["step"], suite, decoding)
            )
            for suite, decoding in (("in_domain", "sampled"), ("in_domain", "greedy"))
        }  # fmt: skip
        expected = {
            "steps_since_probe": len(steps), "accuracy_weight": judging, "strict_accuracy": strict,
            "accuracy_part": paid("accuracy", "leaky_list"), "format_gap": paid("format"),
            "length_gap": paid("length"), "noise_gap": paid("coin"),
            "verifier_gap": paid("accuracy", "leaky_list") - judging * strict,
            "memorisation_gap": judging * (strict - held_out["sampled"]),
            "decoding_gap": judging * (held_out["sampled"] - held_out["greedy"]),
            "earned": judging * held_out["greedy"], "greedy_accuracy": held_out["greedy"],
            "mean_length": 29.5, "kl": 0.01, "parsed_fraction": share(rows, lambda r: r["parsed"]),
        }  # fmt: skip
        assert {name: row[name] for name in expected} == pytest.approx(expected)
        assert row["over_specialisation_gap"] == pytest.approx(row["greedy_accuracy"] - row["shifted_accuracy"])
    assert max(row["verifier_gap"] for row in found if row["run_id"] == "mixed-m-2k-1") > 0.1
    assert max(abs(row["verifier_gap"]) for row in found if row["run_id"] == "rl-m-2k-1") < 1e-12


@pytest.mark.parametrize(
    "name, statement",
    [
        ("gaps_add_up", "update reward_gap set reward = reward + 1e-4"),
        ("gaps_add_up", "update reward_gap set decoding_gap = decoding_gap + 1e-4"),
        ("every_completion_audited", "delete from verifier_audit where step = 2"),
        ("every_completion_audited", "update verifier_audit set n = n + 1 where step = 2"),
        ("every_reward_term_known", "delete from term_kinds where term = 'length'"),
    ],
)
def test_a_data_test_fails_on_what_it_is_for(records, name, statement):
    with made_up.database(records) as db:
        rule, sql = checks.tests()[name]
        assert db.execute(sql).fetchall() == []
        db.execute(statement)
        assert db.execute(sql).fetchall() != [], rule


def test_the_suites_that_are_not_probed_leave_gaps_unknown(records):
    with made_up.database(records, ["delete from probes where suite = 'rule_shift'"]) as db:
        rows = made_up.asked(db, "from reward_gap")
    assert all(row["over_specialisation_gap"] is None and row["decoding_gap"] is not None for row in rows)
    with made_up.database(records, ["delete from probes where decoding = 'sampled'"]) as db:
        rows = made_up.asked(db, "from reward_gap")
        assert db.execute(checks.tests()["gaps_add_up"][1]).fetchall() == []
    assert all(row["memorisation_gap"] is None and row["verifier_gap"] is not None for row in rows)


def test_the_published_queries_tell_what_is_planted(records):
    runs = [Run("leaky-m-2k-1", {"leaky_list": 1.0}, rising(0.4, 0.1), {"leaky_list": rising(0, 0.9)})]
    with made_up.database(made_up.records(runs)) as db:
        for name, table in made_up.marts(db).items():
            db.register(name, table)
        audit, gap, verdict = (
            made_up.asked(db, contract.files("queries")[name])
            for name in ("verifier_audit", "reward_gap", "deceptive_rewards")
        )
    assert [row["part"] for row in audit] == ["first tenth", "last quarter"]
    assert audit[0]["false_positive_rate"] < 0.15 and audit[1]["false_positive_rate"] > 0.65
    assert audit[1]["called_right"] > audit[1]["strict_accuracy"] + 0.5
    assert gap[0]["verifier"] < 0.2 < gap[1]["verifier"] and gap[0]["earned"] > gap[1]["earned"]
    (row,) = verdict
    assert (row["verdict"], row["mechanism"], row["exploit_found"]) == ("deceptive since step 0", "verifier", True)


def test_the_terms_of_a_study_have_their_kinds(study):
    assert ask("from term_kinds order by term") == [
        {"term": "accuracy", "kind": "accuracy", "strict": True},
        {"term": "format", "kind": "format", "strict": False},
    ]
    honest = {row["run_id"]: row["honest"] for row in ask("select run_id, honest from deceptive_rewards")}
    assert honest == dict.fromkeys(RL, True)


def test_a_term_that_the_code_does_not_know_stops_the_build(copy):
    path = train_folder("rl-small-2k-0") / "rewards.parquet"
    rows = [{**row, "term": row["term"].replace("format", "style")} for row in pq.read_table(path).to_pylist()]
    tables.write("rewards", rows, path)
    with pytest.raises(UserError, match=r"every_reward_term_known .*rl-small-2k-0.*style"):
        build(sources(params.load()), TABLES, DATABASE)


def test_evaluation_stands_beside_each_verdict_and_its_base(copy):
    """Blank pictures are asked of trained models too, where the study says so."""
    path = eval_folder("rl-small-2k-0") / "evals.parquet"
    rows = pq.read_table(path).to_pylist()
    greedy = [r for r in rows if r["suite"] == "in_domain" and r["decoding"] == "greedy"]
    blank = [{**row, "condition": "no_image", "correct": place < 4} for place, row in enumerate(greedy)]
    tables.write("evals", rows + blank, path)
    build(sources(params.load()), TABLES, DATABASE)
    (row,) = ask("from deceptive_rewards where run_id = 'rl-small-2k-0' and suite = 'in_domain'")
    assert row["blank_accuracy"] == 4 / len(blank)
    for column, sql in {
        "answer_follows": "select run_id, answer_follows as told from faithfulness where decoding = 'greedy'",
        "blank_accuracy": f"select run_id, accuracy as told from accuracy where {BLANK}",
        "pass_at_k": f"select run_id, pass_at_k as told from pass_k where k = {row['k']}",
    }.items():
        told = {r["run_id"]: r["told"] for r in ask(f"{sql} and suite = 'in_domain'")}
        assert (row[column], row[f"base_{column}"]) == (told["rl-small-2k-0"], told["base-small"])
    (other,) = ask("from deceptive_rewards where run_id = 'rl-small-2k-0' and suite = 'rule_shift'")
    assert other["blank_accuracy"] is None and other["base_blank_accuracy"] is not None and other["k"] is None


def test_all_completions_of_a_study_are_audited_and_the_finding_is_filled(study):
    built = ask("select count(*) as n from completions")[0]["n"]
    assert ask("select sum(n)::bigint as n from verifier_audit")[0]["n"] == built > 0
    told = json.loads((study / "metrics/default/findings.json").read_text(encoding="utf-8"))["reward_truth"]
    assert [row["n"] for row in told["contrasts"]] == [1]  # one run has ten probes
