"""The programs `stages.warehouse` and `stages.query`, as a user runs them."""

import json
import os
import subprocess
import sys

import pytest

from counterpoint.errors import UserError
from stages import query, warehouse
from tests.fixtures_warehouse import REPOSITORY, write_fake_study


def run(root, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = write_fake_study(tmp_path_factory.mktemp("study"))
    done = run(root, "stages.warehouse")
    assert done.returncode == 0, done.stderr
    return root


def test_the_summary_is_small_and_holds_the_grid(root):
    summary = json.loads((root / "metrics/default/summary.json").read_text())
    assert set(summary["accuracy"]) == {
        "base-small", "sft-small-2k-0", "rl-small-2k-0", "rl-small-20k-0", "sft_then_rl-small-2k-0",
    }  # fmt: skip
    assert set(summary["accuracy"]["base-small"]) >= {"in_domain", "text_twin"}
    assert set(summary["reward"]) == {"rl-small-2k-0", "rl-small-20k-0", "sft_then_rl-small-2k-0"}
    assert set(summary["reward"]["rl-small-2k-0"]) == {"training", "held_out"}


def test_a_question_is_answered_by_name_in_sql_and_as_csv(root, monkeypatch, capsys):
    monkeypatch.chdir(root)

    def ask(*arguments: str) -> str:
        query.program(list(arguments))
        return capsys.readouterr().out

    assert "reward_terms" in ask()
    assert "sft_then_rl" in ask("accuracy")
    assert "the first 2 are shown" in ask("from accuracy", "--limit", "2")
    assert ask("select run_id from runs order by 1 limit 1", "--csv") == "run_id\nbase-small\n"
    path = root / "data/runs/rl-small-2k-0/train/completions.parquet"
    path.rename(root / "aside")
    query.program(["select count(*) as n from completions"])
    (root / "aside").rename(path)
    assert "completions lacks 1 runs" in capsys.readouterr().err


def test_a_mistake_is_one_line_and_exit_code_2(root):
    done = run(root, "stages.query", "select nonsense")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("error: ")


def test_odd_arguments_are_refused():
    with pytest.raises(UserError, match="0 is not in the range"):
        query.program(["from runs", "--limit", "0"])
    with pytest.raises(UserError, match="takes no arguments"):
        warehouse.program(["x"])


def test_a_run_that_was_not_made_is_named(tmp_path):
    write_fake_study(tmp_path)
    (tmp_path / "data/runs/rl-small-2k-0/eval/evals.parquet").unlink()
    done = run(tmp_path, "stages.warehouse")
    assert done.returncode == 2
    assert done.stderr == "error: data/runs/rl-small-2k-0/eval/evals.parquet: no such file; run `dvc repro`\n"
