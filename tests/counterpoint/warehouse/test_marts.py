"""The marts of evaluation against the same numbers in plain Python: blind, judges, shift_curve, cross_modal."""

import math
from collections import Counter, defaultdict

import duckdb
import pyarrow.parquet as pq
import pytest

from counterpoint import params, tables
from counterpoint.suites import OWN
from counterpoint.warehouse.build import build
from stages.common import PROBLEMS, eval_folder
from stages.warehouse import sources
from tests.fixtures_warehouse import DATABASE, TABLES

Z = 1.959963984540054
RUNS = ("base-small", "sft-small-2k-0", "rl-small-2k-0", "rl-small-20k-0", "sft_then_rl-small-2k-0")


def mart(name: str) -> list[dict]:
    with duckdb.connect(str(DATABASE), read_only=True) as db:
        cursor = db.execute(f"from {name}")
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def evals(run_id: str, **wanted) -> list[dict]:
    rows = pq.read_table(eval_folder(run_id) / "evals.parquet").to_pylist()
    return [row for row in rows if all(row[k] == v for k, v in wanted.items())]


def greedy(run_id: str, suite: str, condition: str = "normal") -> list[dict]:
    return evals(run_id, suite=suite, condition=condition, decoding="greedy")


def problems() -> dict[str, dict]:
    columns = ["problem_id", "family", "difficulty", "answer", "split"]
    return {row["problem_id"]: row for row in pq.read_table(PROBLEMS, columns=columns).to_pylist()}


def wilson(correct: int, n: int) -> tuple[float, float]:
    """As Wilson (1927) has it, from the score equation's two roots."""
    share, z2 = correct / n, Z * Z
    middle, half = share + z2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)


def share(rows: list[dict], column: str = "correct") -> float:
    return sum(row[column] for row in rows) / len(rows)


def majority(suite: str) -> float:
    """How much of a suite the most frequent answer of each family gets right."""
    golds: dict[str, Counter] = defaultdict(Counter)
    for row in problems().values():
        if row["split"] == OWN[suite].split:
            golds[row["family"]][row["answer"]] += 1
    return sum(max(c.values()) for c in golds.values()) / sum(c.total() for c in golds.values())


def test_blind_has_every_suite_of_every_base_beside_what_needs_no_seeing(study):
    rows = mart("blind")
    assert {row["suite"] for row in rows} == set(OWN) and {row["run_id"] for row in rows} == {"base-small"}
    verdicts = set()
    for row in rows:
        seen, none, other = (greedy("base-small", row["suite"], c) for c in ("normal", "no_image", "shuffled_image"))
        assert row["n"] == len(seen) == 16
        assert (row["accuracy"], row["no_image"], row["shuffled_image"]) == (share(seen), share(none), share(other))
        assert row["majority"] == pytest.approx(majority(row["suite"]))
        best = max(share(none), share(other), majority(row["suite"]))
        assert row["best_blind"] == pytest.approx(best)
        low = wilson(sum(r["correct"] for r in seen), 16)[0]
        highs = [wilson(sum(r["correct"] for r in rows), 16)[1] for rows in (none, other)]
        assert (row["low"], row["high"]) == pytest.approx(wilson(sum(r["correct"] for r in seen), 16))
        assert row["measurable"] == (low > majority(row["suite"]) and low > max(highs))
        assert row["solved_blind"] == (best >= 0.5 and best >= 0.8 * share(seen))
        verdicts.add(row["solved_blind"])
    assert verdicts


def planted(changes) -> dict[str, dict]:
    """The mart `blind` by suite after `changes(row)` was made to every answer of the base; None drops the row."""
    path = eval_folder("base-small") / "evals.parquet"
    rows = [changed for row in pq.read_table(path).to_pylist() if (changed := changes(dict(row)))]
    tables.write("evals", rows, path)
    build(sources(params.load()), TABLES, DATABASE)
    return {row["suite"]: row for row in mart("blind")}


@pytest.mark.parametrize("condition", ["no_image", "shuffled_image"])
def test_a_suite_solved_blind_is_flagged(copy, condition):
    def plant(row):
        """All is right with the picture in sight; without it, in visual_shift alone."""
        row["correct"] = row["condition"] == "normal" or (
            row["suite"] == "visual_shift" and row["condition"] == condition
        )
        return row

    found = planted(plant)
    assert {suite for suite, row in found.items() if row["solved_blind"]} == {"visual_shift"}
    assert {suite for suite, row in found.items() if not row["measurable"]} == {"visual_shift"}
    assert found["visual_shift"][condition] == found["visual_shift"]["best_blind"] == 1.0


def test_a_suite_that_one_answer_solves_is_flagged(copy):
    """The majority answer of the fake families gets some right: a base that gets no more is not measurable."""
    order = {p: i for i, p in enumerate(sorted(problems()))}

    def plant(row):
        row["correct"] = row["condition"] == "normal" and (
            row["suite"] != "easier" or order[row["problem_id"]] % 4 == 0
        )
        return row

    found = planted(plant)
    assert found["easier"]["accuracy"] < found["easier"]["majority"] + 0.1
    assert [s for s, row in found.items() if row["solved_blind"] or not row["measurable"]] == ["easier"]


def test_what_was_not_asked_blind_is_unknown_and_not_measurable_by_default(copy):
    def plant(row):
        row["correct"] = row["condition"] == "normal" and row["suite"] != "easier"
        return row if row["condition"] == "normal" else None

    found = planted(plant)
    assert found["in_domain"]["no_image"] is None and found["in_domain"]["measurable"] is None
    assert found["in_domain"]["best_blind"] == found["in_domain"]["majority"] and not found["in_domain"]["solved_blind"]
    assert found["easier"]["measurable"] is False and found["easier"]["solved_blind"]


def test_judges_counts_where_strict_and_lenient_disagree(study):
    rows = {(row["run_id"], row["suite"], row["decoding"]): row for row in mart("judges")}
    kept = {(r["run_id"], r["suite"], r["decoding"]): None for run in RUNS for r in evals(run, condition="normal")}
    assert set(rows) == set(kept)
    disagreements = 0
    for (run_id, suite, decoding), row in rows.items():
        mine = evals(run_id, suite=suite, decoding=decoding, condition="normal")
        assert row["n"] == len(mine)
        assert row["strict_accuracy"] == share(mine) and row["lenient_accuracy"] == share(mine, "lenient_correct")
        strict_only = sum(r["correct"] and not r["lenient_correct"] for r in mine)
        lenient_only = sum(r["lenient_correct"] and not r["correct"] for r in mine)
        assert (row["strict_only"], row["lenient_only"]) == (strict_only, lenient_only)
        assert row["disagreement"] == pytest.approx((strict_only + lenient_only) / len(mine))
        assert row["parsed_fraction"] == share(mine, "parsed")
        assert row["truncated_fraction"] == share(mine, "truncated")
        disagreements += strict_only + lenient_only
    assert disagreements > 0


def test_a_planted_disagreement_is_found_on_either_side(copy):
    first, second = (row["problem_id"] for row in greedy("base-small", "easier")[:2])

    def plant(row):
        row["lenient_correct"] = row["correct"]
        if (row["suite"], row["condition"]) == ("easier", "normal"):
            row["correct"] = row["problem_id"] == first
            row["lenient_correct"] = row["problem_id"] == second
        return row

    planted(plant)
    found = {row["suite"]: row for row in mart("judges") if row["run_id"] == "base-small" and row["suite"] == "easier"}
    row = found["easier"]
    assert (row["strict_only"], row["lenient_only"], row["disagreement"]) == (1, 1, 2 / 16)
    others = [r for r in mart("judges") if r["run_id"] == "base-small" and r["suite"] != "easier"]
    assert others and all(r["disagreement"] == 0 for r in others)


def test_shift_curve_starts_at_in_domain_and_goes_by_severity(study):
    rows = mart("shift_curve")
    wanted = {}
    known = problems()
    for run in RUNS:
        axes = {suite.axis for suite in OWN.values() if suite.axis} - {"difficulty"}
        for axis in axes:
            wanted[run, axis, 0, "in_domain"] = greedy(run, "in_domain")
        for suite in OWN.values():
            if suite.axis == "difficulty" or suite.name == "in_domain":
                for row in greedy(run, suite.name):
                    place = (run, "difficulty", known[row["problem_id"]]["difficulty"], suite.name)
                    wanted.setdefault(place, []).append(row)
            elif suite.axis:
                wanted[run, suite.axis, suite.severity, suite.name] = greedy(run, suite.name)
    found = {(row["run_id"], row["axis"], row["severity"], row["suite"]): row for row in rows}
    assert set(found) == set(wanted) and len(found) == len(rows)
    for place, mine in wanted.items():
        correct = sum(row["correct"] for row in mine)
        row = found[place]
        assert (row["n"], row["correct"], row["accuracy"]) == (len(mine), correct, correct / len(mine))
        assert (row["low"], row["high"]) == pytest.approx(wilson(correct, len(mine)))
    noise = sorted((r["severity"], r["suite"]) for r in rows if r["axis"] == "noise" and r["run_id"] == RUNS[0])
    assert noise == [(0, "in_domain"), (1, "visual_noise_1"), (2, "visual_noise_2"), (3, "visual_noise_3")]


def clustered(differences: dict[str, list[tuple[str, int]]]) -> tuple[float, float, float]:
    """Mean of the differences and its interval, clustered by state (Miller, arXiv 2411.00640, eq. 4)."""
    pairs = [pair for members in differences.values() for pair in members]
    mean = sum(d for _, d in pairs) / len(pairs)
    by_cluster: dict[str, float] = defaultdict(float)
    for cluster, d in pairs:
        by_cluster[cluster] += d - mean
    count = len(by_cluster)
    error = math.sqrt(sum(v * v for v in by_cluster.values()) * count / (count - 1)) / len(pairs)
    return mean, max(-1.0, mean - Z * error), min(1.0, mean + Z * error)


def test_cross_modal_pairs_each_problem_with_its_picture_and_its_base(study):
    rows = {(row["run_id"], row["suite"]): row for row in mart("cross_modal")}
    views = [name for name, suite in OWN.items() if suite.split == "in_domain" and suite.shows != "image"]
    assert {"text_twin", "text_and_image", "vision_only"} <= set(views)
    assert set(rows) == {(run, suite) for run in RUNS for suite in views}
    for (run, suite), row in rows.items():
        here, picture, base, base_picture = (
            {r["problem_id"]: r for r in greedy(*place)}
            for place in ((run, suite), (run, "in_domain"), ("base-small", suite), ("base-small", "in_domain"))
        )
        assert set(here) == set(picture) and row["n"] == len(here)
        assert row["accuracy"] == share(list(here.values())) and row["picture_accuracy"] == share(
            list(picture.values())
        )
        pairs = {p: [(r["cluster_id"], r["correct"] - picture[p]["correct"])] for p, r in here.items()}
        assert (row["drop"], row["drop_low"], row["drop_high"]) == pytest.approx(clustered(pairs))
        pairs = {p: [(r["cluster_id"], r["correct"] - base[p]["correct"])] for p, r in here.items()}
        assert (row["gain"], row["gain_low"], row["gain_high"]) == pytest.approx(clustered(pairs))
        gained = share(list(picture.values())) - share(list(base_picture.values()))
        assert row["picture_gain"] == pytest.approx(gained)
    assert all(rows["base-small", suite]["gain"] == 0 for suite in views)


def test_a_planted_transfer_is_measured(copy):
    """A base right on every picture and no twin loses 100 points; a run that is right on twins gains them."""

    def plant(row):
        row["correct"] = row["suite"] == "in_domain"
        return row

    planted(plant)
    path = eval_folder("sft-small-2k-0") / "evals.parquet"
    tables.write("evals", [{**row, "correct": True} for row in pq.read_table(path).to_pylist()], path)
    build(sources(params.load()), TABLES, DATABASE)
    rows = {row["run_id"]: row for row in mart("cross_modal") if row["suite"] == "text_twin"}
    base, sft = rows["base-small"], rows["sft-small-2k-0"]
    assert (base["drop"], base["drop_low"], base["drop_high"], base["gain"]) == (-1, -1, -1, 0)
    assert (sft["drop"], sft["gain"], sft["picture_gain"]) == (0, 1, 0)


def test_the_suites_are_described_as_the_code_has_them(study):
    found = {row["suite"]: row for row in mart("suites")}
    assert set(found) == set(OWN)
    for name, suite in OWN.items():
        for column in ("split", "shows", "axis", "severity", "noise", "purpose"):
            assert found[name][column] == getattr(suite, column), (name, column)
