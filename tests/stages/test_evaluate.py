"""The evaluation stage: every item of every suite of one run, and what it refuses."""

import json
import shutil
from collections import Counter

import pyarrow.parquet as pq
import pytest

from counterpoint import problem, tables
from counterpoint.errors import UserError
from stages import evaluate

SUITES = ("in_domain", "rule_shift", "visual_shift", "difficulty_shift", "text_twin")


def test_an_unknown_run_names_its_neighbour(mini):
    with pytest.raises(UserError, match=r"no run 'base-mimi' in runs; did you mean 'base-mini'\?"):
        evaluate.program(["base-mimi"])


def test_a_run_without_a_model_is_refused(mini):
    with pytest.raises(UserError, match="data/models/rl-mini-32-0"):
        evaluate.program(["rl-mini-32-0"])


def test_a_suite_without_problems_is_refused(mini):
    file = mini() / "data/problems/problems.parquet"
    problem.write([p for p in problem.load(file) if p.split != "rule_shift"], file)
    with pytest.raises(UserError, match="no problems for suite 'rule_shift'"):
        evaluate.program(["base-mini"])


def test_missing_problems_name_the_stage_that_makes_them(mini):
    (mini() / "data/problems/problems.parquet").unlink()
    with pytest.raises(UserError, match="no such file; run the stage that makes it"):
        evaluate.program(["base-mini"])


def test_a_base_is_evaluated_blind_too_and_a_run_is_not(mini, micro_folder):
    folder = mini()
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    shutil.copytree(micro_folder, folder / "data/models/sft-mini-16-0")
    evaluate.program(["base-mini"])
    rows = pq.read_table("data/runs/base-mini/eval/evals.parquet").to_pylist()
    assert Counter((r["suite"], r["condition"]) for r in rows) == {
        (s, c): 16 for s in SUITES for c in ("normal", "no_image")
    }
    twins = {r["problem_id"] for r in rows if r["suite"] == "text_twin"}
    assert twins == {r["problem_id"] for r in rows if r["suite"] == "in_domain"}
    record = json.loads((folder / "data/runs/base-mini/eval/run.json").read_text())
    assert set(record) == set(tables.TABLES["runs"].schema.names)
    assert (record["method"], record["model"], record["sample"]) == ("base", "mini", None)
    first = (folder / "data/runs/base-mini/eval/evals.parquet").read_bytes()
    evaluate.program(["base-mini"])
    assert (folder / "data/runs/base-mini/eval/evals.parquet").read_bytes() == first

    evaluate.program(["sft-mini-16-0"])
    rows = pq.read_table("data/runs/sft-mini-16-0/eval/evals.parquet").to_pylist()
    assert Counter(r["condition"] for r in rows) == {"normal": 80}
    assert not (folder / "data/runs/sft-mini-16-0/eval/run.json").exists()
    timings = pq.read_table("data/runs/sft-mini-16-0/eval/timings.parquet").to_pylist()
    assert [(t["phase"], t["step"]) for t in timings] == [("evaluate", None)]
