"""The stage as a user runs it: a subprocess in a folder of its own."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from counterpoint import problem
from counterpoint.params import compose
from counterpoint.suites import OWN

ROOT = Path(__file__).parents[2]
SMALL = ["problems.train=96", "problems.per_suite=12", "problems.per_probe=4", "sampling.sizes={2k: 24, 20k: 96}"]


def stage(name: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def write_study(folder: Path, study: str, *overrides: str) -> None:
    compose.write(study, list(overrides), folder / "params.yaml", ROOT / "studies")


def test_procedural_problems_are_the_same_bytes_at_every_run(tmp_path):
    write_study(tmp_path, "default", *SMALL)
    done = stage("problems", tmp_path)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "data/problems/problems.parquet"
    first = file.read_bytes()
    problems = problem.load(file)
    counts = Counter(p.split for p in problems)
    suites = {suite.split for suite in OWN.values()}
    assert counts == {"train": 96, "probe": 4 * len(suites), **dict.fromkeys(suites, 12)}
    assert pq.read_table(tmp_path / "data/problems/rejects.parquet").num_rows == 0
    assert "chart" in done.stdout and "difficulty_shift" in done.stdout
    assert stage("problems", tmp_path).returncode == 0 and file.read_bytes() == first
    assert sorted(f.name for f in file.parent.iterdir()) == ["problems.parquet", "rejects.parquet"]


@pytest.fixture
def folder(tmp_path):
    """A folder of 40 text problems in two families and two bad rows."""
    rows = tmp_path / "rows"
    rows.mkdir()
    for family in ("one", "two"):
        lines = [f'{{"q": "{family} {n} ?", "a": {n}, "r": "it is {n}", "t": "twin {n}"}}' for n in range(20)]
        (rows / f"{family}.jsonl").write_text("\n".join([*lines, '{"q": "half']) + "\n")
    mine = [
        "source.kind=folder", "source.path=rows", "source.name=mine", "source.held_out_families=[two]",
        "source.fields={question: q, answer: a, reasoning: r, text_twin: t}",
        "suites=[in_domain, rule_shift, text_twin]",
        "problems.per_suite=6", "problems.per_probe=4", "sampling.sizes={2k: 4, 20k: 10}",
    ]  # fmt: skip
    write_study(tmp_path, "default", *mine)
    return tmp_path


def test_bad_rows_stop_the_study_and_are_listed_first(folder):
    done = stage("problems", folder)
    assert done.returncode == 2 and done.stderr.count("error:") == 1
    assert "2 rows cannot be used, 0 are allowed; the first: one.jsonl, line 21: broken JSON" in done.stderr
    assert "SET='source.rejects_allowed=2'" in done.stderr
    assert done.stdout.startswith("2 rows refused:\n      2  broken JSON: ") and "(one.jsonl, line 21)" in done.stdout
    rejects = pq.read_table(folder / "data/problems/rejects.parquet").to_pylist()
    assert [(r["file"], r["line"]) for r in rejects] == [("one.jsonl", 21), ("two.jsonl", 21)]
    assert not (folder / "data/problems/problems.parquet").exists()
    write_study(folder, "default", "source.rejects_allowed=2")
    assert stage("problems", folder).returncode == 0
    counts = Counter(p.split for p in problem.load(folder / "data/problems/problems.parquet"))
    assert counts == {"train": 10, "in_domain": 6, "rule_shift": 6, "probe": 8}


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_a_folder_of_rows_that_is_not_there_is_one_line(folder, kind):
    write_study(
        folder, "default", "source.path=nowhere", f"source.kind={kind}", "source.fields={question: q, answer: a}"
    )
    done = stage("problems", folder)
    assert done.returncode == 2
    assert done.stderr.startswith("error: source.path: nowhere is no folder; set SET=") and done.stderr.count("\n") == 1


def test_where_every_row_is_refused_the_message_is_about_the_rows(folder):
    write_study(folder, "default", "source.rejects_allowed=99", "source.fields.difficulty=q")
    done = stage("problems", folder)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(
        "error: mine: no row can be used; of 42 refused: 40 its difficulty … is no whole number"
    )
    assert "write difficulty: {column: q, map: {" in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["42", "40", "2"]


def test_a_suite_without_problems_is_told(folder):
    write_study(folder, "default", "source.rejects_allowed=2", "suites=[in_domain, visual_shift]")
    done = stage("problems", folder)
    assert done.returncode == 2
    assert "no problems for suite 'visual_shift' (suites with problems: in_domain, rule_shift)" in done.stderr


def test_a_mistyped_parameter_stops_before_any_work(tmp_path):
    write_study(tmp_path, "default")
    path = tmp_path / "params.yaml"
    path.write_text(path.read_text().replace("per_suite:", "per_suit:"))
    done = stage("problems", tmp_path)
    assert done.returncode == 2 and "problems.per_suit; did you mean 'per_suite'?" in done.stderr
