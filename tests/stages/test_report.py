"""The report stage as a user runs it, on a made-up study."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from counterpoint import studies

REPOSITORY = Path(__file__).resolve().parents[2]


def run_stage(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-m", "stages.report", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def folder(tmp_path):
    path = REPOSITORY / "tests" / "counterpoint" / "report" / "study.py"
    spec = importlib.util.spec_from_file_location("report_study", path)
    study = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(study)
    grid = [study.run("base", "small"), study.run("sft", "small", "2k"), study.run("rl", "small", "20k")]
    tables = study.write(tmp_path / "made", grid, items=10)
    shutil.copytree(tables, tmp_path / "metrics" / "tables")
    (tmp_path / "data" / "problems").mkdir(parents=True)
    shutil.copy(tmp_path / "made" / "problems.parquet", tmp_path / "data" / "problems")
    parameters = studies.dump(studies.compose("default", REPOSITORY / "studies"))
    (tmp_path / "params.yaml").write_text(parameters, encoding="utf-8")
    return tmp_path


def test_it_writes_everything_and_names_a_missing_table(folder):
    done = run_stage(folder)
    assert done.returncode == 0, done.stderr
    written = {str(path.relative_to(folder / "metrics")) for path in (folder / "metrics").rglob("*.*")}
    assert written >= {
        "report.md", "samples.html", "plots/reward_vs_accuracy.png", "plots/accuracy_by_arm.png",
        "plots/sft_2k_vs_rl_20k.png", "plots/probes.csv", "plots/accuracy.csv",
    }  # fmt: skip
    assert (folder / "metrics" / "report.md").read_text(encoding="utf-8").startswith("# Study `default`")
    (folder / "metrics" / "tables" / "runs.parquet").unlink()
    failed = run_stage(folder)
    assert failed.returncode == 2
    assert (
        failed.stderr.splitlines()[-1] == "error: metrics/tables/runs.parquet: no such table; run `dvc repro warehouse`"
    )


def test_an_argument_is_refused(folder):
    failed = run_stage(folder, "fast")
    assert failed.returncode == 2 and "takes no arguments" in failed.stderr
