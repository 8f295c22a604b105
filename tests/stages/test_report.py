"""The report stage as a user runs it, on a made-up study."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from counterpoint.errors import UserError
from counterpoint.warehouse import published
from stages import report, warehouse
from tests.fixtures_warehouse import SEEDS, write_fake_study

REPOSITORY = Path(__file__).resolve().parents[2]
EACH = {"models": ["tiny"], "samples": ["2k"], "seeds": list(SEEDS)}
RUNS = {"base": ["tiny"], "train": [{"arms": ["sft", "rl", "sft_then_rl"], **EACH}]}


def run_stage(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-m", "stages.report", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A study of one model and three seeds, its tables made by the warehouse."""
    write_fake_study(tmp_path, RUNS)
    monkeypatch.chdir(tmp_path)
    warehouse.program([])
    return tmp_path


def test_it_writes_everything_and_names_a_missing_table(folder):
    done = run_stage(folder)
    assert done.returncode == 0, done.stderr
    written = {str(path.relative_to(folder / "metrics/default")) for path in (folder / "metrics/default").rglob("*.*")}
    assert written >= {
        "report.md", "samples.html", "plots/reward_vs_accuracy.png", "plots/accuracy_by_arm.png",
        "plots/sft_2k_vs_rl_20k.png", "plots/shift_curves.png", "plots/findings.png", "plots/probes.csv",
        "plots/accuracy.csv", "plots/rewards.png", "plots/phase.png", "plots/frontier_tiny.png",
    }  # fmt: skip
    assert "plots/split.png" not in written  # nothing was split
    sheets = {name for name in written if name.startswith("rewards/")}
    assert sheets == {f"rewards/{arm}-tiny-2k-{seed}.png" for arm in ("rl", "sft_then_rl") for seed in SEEDS}
    assert (folder / "metrics/default/report.md").read_text(encoding="utf-8").startswith("# Study `default`")
    assert "| tiny · sft_then_rl 2k | 3 |" in (folder / "metrics/default/report.md").read_text(encoding="utf-8")
    (folder / "metrics/default/tables" / "runs.parquet").unlink()
    failed = run_stage(folder)
    assert failed.returncode == 2
    assert (
        failed.stderr.splitlines()[-1]
        == "error: metrics/default/tables/runs.parquet: no such table; run `dvc repro warehouse`"
    )


def test_a_study_without_rl_has_no_sheets_and_no_section(tmp_path, monkeypatch):
    write_fake_study(tmp_path, {**RUNS, "train": [{"arms": ["sft"], **EACH}]})
    monkeypatch.chdir(tmp_path)
    warehouse.program([])
    (tmp_path / "metrics/default" / "rewards").mkdir()
    (tmp_path / "metrics/default" / "rewards" / "rl-tiny-2k-1.png").write_bytes(b"of the study before")
    report.program([])
    assert list((tmp_path / "metrics/default" / "rewards").iterdir()) == []  # DVC misses an out that is not there
    assert "## Does the reward" not in (tmp_path / "metrics/default" / "report.md").read_text(encoding="utf-8")


def test_an_argument_is_refused(tmp_path):
    failed = run_stage(tmp_path, "fast")
    assert failed.returncode == 2 and "unrecognized arguments: fast" in failed.stderr


def test_a_published_study_is_reported_from_its_tables_alone(folder, tmp_path_factory, monkeypatch):
    report.program([])
    clone = tmp_path_factory.mktemp("clone")
    published.write(Path("metrics/default/tables"), clone / "metrics/published/other")
    monkeypatch.chdir(clone)
    Path("metrics/published/other/study.json").write_text('{"study": "default"}')
    report.program(["--study", "other"])
    drawn = {path.name for path in Path("metrics/published/other/plots").iterdir()}
    assert drawn == {path.name for path in (folder / "metrics/default/plots").glob("*.png")}
    own = (folder / "metrics/default/report.md").read_text(encoding="utf-8")
    plain = re.sub(r"\nEvery run that earns a reward has a sheet .*\n.*\(samples\.html\)\.", "", own)  # not published
    assert own != plain
    assert plain.replace("](tables/", "](") == Path("metrics/published/other/report.md").read_text(encoding="utf-8")
    assert not Path("metrics/default/samples.html").exists() and not Path("metrics/default/plots").exists()
    Path("metrics/published/other/accuracy.parquet").unlink()
    with pytest.raises(
        UserError, match=r"accuracy\.parquet: no such table; run `git checkout -- metrics/published/other`"
    ):
        report.program(["--study", "other"])
    with pytest.raises(UserError, match=r"no published study 'othr'.*'other'"):
        report.program(["--study", "othr"])
