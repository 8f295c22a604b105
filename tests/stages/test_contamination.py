"""The stage as a user runs it, on small files of problems."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from counterpoint import problem
from counterpoint.errors import UserError
from counterpoint.problem import Problem
from stages.contamination import program

ROOT = Path(__file__).parents[2]


def stage(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "stages.contamination", *arguments],
        cwd=folder, env={"PATH": "", "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def text_problem(number: int, split: str, question: str) -> Problem:
    return Problem(f"s{number}", f"p{number}", "mine", "f", split, 1, question, (), "7", "integer")


@pytest.fixture
def folder(tmp_path):
    """Ten training problems; a suite of three, of which one is trained on."""
    pool = [text_problem(n, "train", f"what is {n} + {n} ?") for n in range(10)]
    suite = [text_problem(20 + n, "in_domain", f"What is {n} + {9 if n else 0} ?") for n in range(3)]
    problem.write([*pool, *suite], tmp_path / "data/problems/problems.parquet")
    return tmp_path


def test_the_table_and_the_list_of_hits(folder):
    done = stage(folder)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["test", "problems", "leak"]
    assert lines[1].split() == ["in_domain", "3", "1", "0", "0", "0"]
    assert lines[2] == "leak: p20 of in_domain is p0 of the pool"
    report = json.loads((folder / "metrics/contamination.json").read_text())
    assert report["pool"] == 10 and report["tests"]["in_domain"]["leak"] == 1
    hit = {"test": "in_domain", "problem_id": "p20", "kind": "leak", "pool_id": "p0", "pool_problems": 1}
    assert report["hits"] == [hit]


def test_against_the_problems_of_another_study(folder, monkeypatch, capsys):
    other = folder / "other"
    problem.write([text_problem(1, "in_domain", "what is 3 + 3 ?")], other / "a/problems.parquet")
    monkeypatch.chdir(folder)
    for path in ("other", "other/a/problems.parquet"):
        program(["--against", path, "--json", "out/report.json"])
        assert "leak: p1 of other/a/problems.parquet:in_domain is p3 of the pool" in capsys.readouterr().out
    assert (folder / "out/report.json").exists() and not (folder / "metrics").exists()


def test_mistakes_are_one_clear_line(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    (folder / "bad.parquet").write_text("no parquet")
    for path, said in (
        ("empty", "no Parquet file"),
        ("gone.parquet", "no such file"),
        ("bad.parquet", "not a problems"),
    ):
        with pytest.raises(UserError, match=said):
            program(["--against", path])
    problem.write([text_problem(1, "in_domain", "1 ?")], folder / "data/problems/problems.parquet")
    done = stage(folder)
    assert done.returncode == 2 and done.stderr.startswith("error:") and "no pool to compare with" in done.stderr
