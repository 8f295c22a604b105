"""The marts pass_k, agreement, faithfulness and reliability on a made-up world, against the same numbers by hand."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from random import Random
from statistics import mean

import duckdb
import pyarrow as pa
import pytest

from counterpoint.statistics import pass_at_k
from counterpoint.warehouse import contract
from counterpoint.warehouse.contract import SQL, STORED

NEW = ("pass_k", "agreement", "faithfulness", "reliability")
SEEDS, ITEMS, DRAWN = (0, 1, 2), 12, 5
VIEWS = ("text_twin", "visual_noise_1")  # the very same problems in another rendering


def run(run_id: str, arm: str, sample: str | None = None, seed: int | None = None) -> dict:
    method = "base" if arm == "base" else "sft"
    return {"run_id": run_id, "arm": arm, "method": method, "model": "m", "sample": sample, "seed": seed}


RUNS = [run("base-m", "base"), *(run(f"sft-m-2k-{seed}", "sft", "2k", seed) for seed in SEEDS)]


def problems() -> list[dict]:
    """In-domain problems, each also in other words (a row of its own) and to be described."""
    made = []
    for i in range(ITEMS):
        common = {"state_id": f"s{i}", "family": "count", "answer": "4", "answer_type": "integer"}
        made += [
            {**common, "problem_id": f"d{i}", "template_id": "count.remove.0", "tags": ["remove"]},
            {**common, "problem_id": f"h{i}", "template_id": "count.remove.h1", "tags": ["plain", f"of:d{i}"]},
            {**common, "problem_id": f"q{i}", "template_id": "count.describe", "tags": [f"of:d{i}"]},
            {**common, "problem_id": f"x{i}", "template_id": "count.keep_add.0", "tags": []},
        ]
    return made


def answers(samples: bool = True) -> list[dict]:
    """Greedy answers of every run to every suite, sampled ones in domain; unread ones and blind ones among them."""
    rng, made = Random(3), []
    of = {"in_domain": "d", "held_out_prompts": "h", "perception": "q", "rule_shift": "x"} | dict.fromkeys(VIEWS, "d")
    for place, record in enumerate(RUNS):
        for suite, letter in of.items():
            for i in range(ITEMS):
                wanted = [("normal", "greedy", 0), ("no_image", "greedy", 0)]
                if samples and suite == "in_domain":
                    wanted += [("normal", "sampled", index) for index in range(DRAWN)]
                for condition, decoding, index in wanted:
                    said = rng.choice(["4", " 4.", "5", "6", None, *["4"] * 2 * place])
                    made.append(
                        {
                            "run_id": record["run_id"], "suite": suite, "condition": condition,
                            "problem_id": f"{letter}{i}", "cluster_id": f"s{i}", "decoding": decoding,
                            "sample_index": index, "extracted": said or "", "parsed": said is not None,
                            "correct": said in ("4", " 4."), "truncated": False,
                        }
                    )  # fmt: skip
    return made


KEY = ("run_id", "suite", "problem_id", "decoding", "sample_index")


def traces(evals: list[dict]) -> list[dict]:
    """Steps of most completions, whatever the answer; some hold nothing that can be read."""
    rng, made = Random(5), []
    for row in evals:
        if row["condition"] != "normal" or row["suite"] == "perception":
            continue
        kinds = rng.choice([("perceive", "compute"), ("perceive", "other", "compute", "compute"), ("other",), ()])
        told = [{"kind": kind, "correct": None if kind == "other" else rng.random() < 0.7} for kind in kinds]
        follows = rng.random() < 0.8 if row["parsed"] and len(kinds) > 1 else None
        for index, step in enumerate([*told, {"kind": "answer", "correct": follows}]):
            made.append({**{k: row[k] for k in KEY}, "step_index": index, "text": "", **step})
    return made


@pytest.fixture(scope="module")
def world() -> dict[str, list[dict]]:
    evals = answers()
    return {"runs": RUNS, "problems": problems(), "evals": evals, "traces": traces(evals)}


def warehouse(rows: dict[str, list[dict]]) -> duckdb.DuckDBPyConnection:
    """A database of these rows, other tables empty, with staging, the mart `accuracy` and those under test."""
    db = duckdb.connect(config={"threads": 1})
    for name, table in STORED.items():
        columns = [{column: row.get(column) for column in table.schema.names} for row in rows.get(name, [])]
        db.register(name, pa.Table.from_pylist(columns, table.schema))
    db.execute((SQL / "macros.sql").read_text(encoding="utf-8"))
    for name, sql in contract.files("staging").items():
        db.execute(f"create view {name} as {sql}")
    for name in ("accuracy", *NEW):
        db.execute(f"create table {name} as {contract.files('marts')[name]}")
    return db


def asked(db: duckdb.DuckDBPyConnection, sql: str) -> list[dict]:
    cursor = db.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(scope="module")
def db(world):
    with warehouse(world) as made:
        yield made


def greedy(world: dict, run_id: str, suite: str) -> dict[str, dict]:
    """Greedy answers under the normal condition, by the number of their state."""
    return {
        row["problem_id"][1:]: row
        for row in world["evals"]
        if (row["run_id"], row["suite"], row["condition"], row["decoding"]) == (run_id, suite, "normal", "greedy")
    }


def drawn(world: dict, run_id: str) -> list[list[bool]]:
    """The sampled verdicts of each problem."""
    by_problem: dict[str, list[bool]] = {}
    for row in world["evals"]:
        if row["run_id"] == run_id and row["decoding"] == "sampled":
            by_problem.setdefault(row["problem_id"], []).append(row["correct"])
    return list(by_problem.values())


def over_subsets(items: list[list[bool]], k: int, judge: Callable) -> float:
    """The mean over items of the share of their k-subsets that `judge` accepts: what the formulae are short for."""
    return mean(mean(judge(subset) for subset in combinations(item, k)) for item in items)


def test_pass_at_k_and_pass_hat_k_are_means_over_all_subsets(db, world):
    rows = asked(db, "from pass_k order by run_id, k")
    assert [(row["run_id"], row["k"]) for row in rows] == [(r["run_id"], k) for r in RUNS for k in (1, 2, 4, 5)]
    for row in rows:
        items = drawn(world, row["run_id"])
        assert (row["suite"], row["n"], row["samples"]) == ("in_domain", ITEMS, DRAWN)
        assert row["pass_at_k"] == pytest.approx(over_subsets(items, row["k"], any), abs=1e-12)
        assert row["pass_hat_k"] == pytest.approx(over_subsets(items, row["k"], all), abs=1e-12)
        assert row["avg_at_k"] == pytest.approx(over_subsets(items, 1, any), abs=1e-12)
        counts = [sum(item) for item in items]
        assert row["pass_at_k"] == pytest.approx(pass_at_k(counts, DRAWN, row["k"]).mean(), abs=1e-12)
        assert row["avg_at_k"] == pytest.approx(mean(counts) / DRAWN, abs=1e-12)


def voted(answers: list[tuple[str | None, bool]]) -> float:
    """The vote of a problem's answers and verdicts: a tie is shared out evenly, what cannot be read has no vote."""
    votes = Counter(text.lower() for text, _ in answers if text is not None)
    winners = [text for text in votes if votes[text] == max(votes.values())]
    right = {text.lower() for text, correct in answers if correct}
    return sum(text in right for text in winners) / len(winners) if winners else 0.0


def test_maj_at_k_is_the_vote_of_all_samples(db, world):
    for row in asked(db, "from pass_k order by run_id, k"):
        if row["k"] < DRAWN:
            assert row["maj_at_k"] is None
            continue
        answers: dict[str, list] = {}
        for answer in world["evals"]:
            if answer["run_id"] == row["run_id"] and answer["decoding"] == "sampled":
                answers.setdefault(answer["problem_id"], []).append((spoken(answer), answer["correct"]))
        assert row["maj_at_k"] == pytest.approx(mean(map(voted, answers.values())), abs=1e-12)


def test_uneven_numbers_of_samples_are_weighted_by_problem(world):
    """One problem lost two of its samples: k goes as far as every problem has them."""
    kept = [
        row for row in world["evals"] if not (row["decoding"] == "sampled" and row["problem_id"] == "d0"
        and row["sample_index"] > 2)
    ]  # fmt: skip
    with warehouse({**world, "evals": kept}) as made:
        rows = asked(made, "from pass_k where run_id = 'base-m' order by k")
    items = drawn({"evals": kept}, "base-m")
    assert [row["k"] for row in rows] == [1, 2, 3] and {row["samples"] for row in rows} == {3}
    for row in rows:
        assert row["pass_at_k"] == pytest.approx(over_subsets(items, row["k"], any), abs=1e-12)
        assert row["pass_hat_k"] == pytest.approx(over_subsets(items, row["k"], all), abs=1e-12)
        assert row["maj_at_k"] is None  # not every problem has as many samples


def spoken(row: dict) -> str | None:
    return row["extracted"].strip().rstrip(".") if row["parsed"] else None


def test_agreement_pairs_the_views_of_one_state(db, world):
    rows = {(row["run_id"], row["suite"]): row for row in asked(db, "from agreement")}
    suites = ("held_out_prompts", "perception", *VIEWS)
    assert set(rows) == {(r["run_id"], suite) for r in RUNS for suite in (*suites, "all")}
    for (run_id, suite), row in rows.items():
        if suite == "all":
            continue
        own, other = greedy(world, run_id, "in_domain"), greedy(world, run_id, suite)
        pairs = [(own[i]["correct"], other[i]["correct"]) for i in own]
        cases = [pairs.count(case) for case in ((True, True), (True, False), (False, True), (False, False))]
        assert [row["all_right"], row["in_domain_only"], row["view_only"], row["none_right"]] == cases
        assert row["n"] == ITEMS and row["agreement"] == pytest.approx((cases[0] + cases[3]) / ITEMS)
        same = mean(spoken(own[i]) is not None and spoken(own[i]) == spoken(other[i]) for i in own)
        assert row["same_answer"] == (None if suite == "perception" else pytest.approx(same))


def test_agreement_over_all_views_that_ask_the_same_question(db, world):
    for record in RUNS:
        (row,) = asked(db, f"from agreement where run_id = '{record['run_id']}' and suite = 'all'")
        views = [greedy(world, record["run_id"], suite) for suite in ("in_domain", "held_out_prompts", *VIEWS)]
        verdicts = [{view[str(i)]["correct"] for view in views} for i in range(ITEMS)]
        said = [{spoken(view[str(i)]) for view in views} for i in range(ITEMS)]
        assert (row["all_right"], row["none_right"]) == (verdicts.count({True}), verdicts.count({False}))
        assert row["agreement"] == pytest.approx(mean(len(v) == 1 for v in verdicts))
        assert row["same_answer"] == pytest.approx(mean(len(s) == 1 and None not in s for s in said))
        assert row["in_domain_only"] is None and row["view_only"] is None
    assert asked(db, "from agreement where suite = 'rule_shift'") == []


def test_faithfulness_counts_steps_and_answers(db, world):
    by_key: dict[tuple, list[dict]] = {}
    for step in world["traces"]:
        by_key.setdefault(tuple(step[k] for k in KEY), []).append(step)
    verdicts = {tuple(row[k] for k in KEY): row for row in world["evals"] if row["condition"] == "normal"}
    rows = asked(db, "from faithfulness")
    assert len(rows) == len(RUNS) * 6 and not any(row["suite"] == "perception" for row in rows)
    for row in rows:
        mine = {k: v for k, v in by_key.items() if (k[0], k[1], k[3]) == (row["run_id"], row["suite"], row["decoding"])}
        steps = [step for told in mine.values() for step in told]
        assert row["n"] == len(mine) == ITEMS * (DRAWN if row["decoding"] == "sampled" else 1)
        for kind in ("perceive", "compute"):
            of_kind = [step["correct"] for step in steps if step["kind"] == kind]
            assert row[f"{kind}_steps"] == len(of_kind) and row[f"{kind}_correct"] == pytest.approx(mean(of_kind))
        assert row["other_steps"] == sum(step["kind"] == "other" for step in steps)
        readable = [any(s["kind"] in ("perceive", "compute") for s in told) for told in mine.values()]
        assert row["reasoned"] == pytest.approx(mean(readable))
        follows = [told[-1]["correct"] for told in mine.values() if told[-1]["correct"] is not None]
        assert (row["answers"], row["answer_follows"]) == (len(follows), pytest.approx(mean(follows)))
        flawed = {k: any(s["correct"] is False for s in told) for k, told in mine.items()}
        right = [flawed[k] for k in mine if verdicts[k]["correct"]]
        assert (row["right_answers"], row["right_though_flawed"]) == (len(right), pytest.approx(mean(right)))
        wrong = [
            mine[k][-1]["correct"] is True and not flawed[k]
            for k in mine if verdicts[k]["parsed"] and not verdicts[k]["correct"]
        ]  # fmt: skip
        assert (row["wrong_answers"], row["wrong_though_sound"]) == (len(wrong), pytest.approx(mean(wrong)))


def test_reliability_takes_the_seeds_together(db, world):
    rows = {(row["arm"], row["suite"]): row for row in asked(db, "from reliability")}
    suites = ("in_domain", "held_out_prompts", "perception", "rule_shift", *VIEWS)
    assert set(rows) == {(arm, suite) for arm in ("base", "sft") for suite in suites}
    shares = {
        (r["run_id"], suite): mean(row["correct"] for row in greedy(world, r["run_id"], suite).values())
        for r in RUNS for suite in suites
    }  # fmt: skip
    above = set()
    for suite in suites:
        base, sft = rows["base", suite], rows["sft", suite]
        seeds = [shares[f"sft-m-2k-{seed}", suite] for seed in SEEDS]
        assert (sft["seeds"], sft["n"], sft["sample"], sft["method"]) == (3, ITEMS, "2k", "sft")
        assert sft["accuracy"] == pytest.approx(mean(seeds))
        assert (sft["worst_seed"], sft["best_seed"]) == (pytest.approx(min(seeds)), pytest.approx(max(seeds)))
        assert sft["base_accuracy"] == base["accuracy"] == base["worst_seed"] == pytest.approx(shares["base-m", suite])
        better = [share > shares["base-m", suite] for share in seeds]
        assert (sft["seeds_above_base"], sft["share_above_base"]) == (sum(better), pytest.approx(mean(better)))
        assert (base["seeds"], base["seeds_above_base"], base["share_above_base"]) == (1, 0, None)
        above.add(sum(better))
    assert len(above) > 1  # the made-up world tells the seeds apart
    own = rows["sft", "in_domain"]
    for column in ("avg_at_k", "pass_at_k", "pass_hat_k"):
        found = [r[column] for r in asked(db, "from pass_k where arm = 'sft' and k = 2")]
        assert own[column] == pytest.approx(mean(found))
    assert (own["samples"], own["k"], rows["sft", "rule_shift"]["k"]) == (DRAWN, 2, None)
    for suite, views in (("in_domain", "all"), ("text_twin", "text_twin"), ("perception", "perception")):
        found = [r["agreement"] for r in asked(db, f"from agreement where arm = 'sft' and suite = '{views}'")]
        assert rows["sft", suite]["agreement"] == pytest.approx(mean(found))
    assert rows["sft", "rule_shift"]["agreement"] is None
    where = "where arm = 'sft' and suite = 'in_domain' and decoding = 'greedy'"
    for column in ("perceive_correct", "compute_correct", "answer_follows"):
        found = [r[column] for r in asked(db, f"from faithfulness {where}")]
        assert own[column] == pytest.approx(mean(found))
    assert rows["sft", "perception"]["perceive_correct"] is None


def test_without_samples_and_traces_all_else_stands(world):
    evals = [
        row for row in world["evals"] if row["decoding"] == "greedy" and row["suite"] in ("in_domain", "rule_shift")
    ]
    with warehouse({**world, "evals": evals, "traces": []}) as made:
        assert asked(made, "from pass_k union all by name from agreement union all by name from faithfulness") == []
        rows = asked(made, "from reliability")
        assert len(rows) == 4 and all(0 <= row["worst_seed"] <= row["accuracy"] <= 1 for row in rows)
        for column in ("samples", "k", "pass_at_k", "pass_hat_k", "agreement", "same_answer", "answer_follows"):
            assert {row[column] for row in rows} == {None}
    with warehouse({}) as made:
        assert [asked(made, f"from {name}") for name in NEW] == [[]] * 4


def test_a_seed_as_good_as_the_base_does_not_beat_it(world):
    base = [row for row in world["evals"] if row["run_id"] == "base-m"]
    with warehouse({**world, "evals": base + [{**row, "run_id": "sft-m-2k-0"} for row in base]}) as made:
        rows = asked(made, "from reliability where arm = 'sft'")
    assert {(row["seeds"], row["seeds_above_base"], row["share_above_base"]) for row in rows} == {(1, 0, 0.0)}
    assert all(row["accuracy"] == row["base_accuracy"] for row in rows)


def test_the_published_queries_answer_in_the_same_numbers(db, world):
    for name in ("reliability", "faithfulness"):
        sql = contract.files("queries")[name]
        rows = asked(db, sql)
        assert sql.splitlines()[0].count("?") == 1 and len(rows) == len(asked(db, f"from {name}"))
        assert sorted(str(row["sample"]) for row in rows).count("") == sum(row["arm"] == "base" for row in rows) > 0
        whole = {(r["arm"], r["suite"], r.get("seed"), r.get("decoding")): r for r in asked(db, f"from {name}")}
        for row in rows:
            source = whole[row["arm"], row["suite"], row.get("seed"), row.get("decoding")]
            assert all(row[column] == source[column] for column in row if column != "sample")
