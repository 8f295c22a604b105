"""What a stage depends on, edited while it runs: nothing is published, and the message says what was edited."""

import os
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from counterpoint.errors import UserError
from stages import record

GRAPH = """\
vars: [grid.yaml]
stages:
  train:
    foreach: ${grid.train}
    do:
      cmd: echo
      params: [rl, "arms.${item.arm}", threads, {grid.yaml: ["grid.train.${key}"]}]
      deps: [counterpoint/training, "counterpoint/methods/${item.arm}.py"]
      outs: ["out/${key}"]
  other:
    cmd: echo
    params: [sft]
    deps: [stages/other.py]
"""
PARAMS = """\
threads: 1
rl: {learning_rate: 1e-4, rewards: {accuracy: 1.0}}
sft: {epochs: 1}
arms: {grpo: {start: null}, dft: {start: null}}
"""
GRID = "grid: {train: {a-1: {arm: grpo, traces: oracle}, b-1: {arm: grpo, traces: oracle}}}\n"


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The stage train@a-1 has begun in a fresh repository, and published into out/a-1."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    Repo.init(".").close()
    for name in ("counterpoint/training/loop.py", "counterpoint/methods/grpo.py", "stages/other.py"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("one = 1\n")
    Path("dvc.yaml").write_text(GRAPH)
    Path("params.yaml").write_text(PARAMS)
    Path("grid.yaml").write_text(GRID)
    monkeypatch.setenv(record.STAGE, "train@a-1")
    found = record.begin()
    Path("out/a-1").mkdir(parents=True)
    Path("out/a-1/model.safetensors").write_text("weights")
    return found


def edit(name, *change):
    text = Path(name).read_text()
    Path(name).write_text(text.replace(*change) if change else f"{text}two = 2\n")


def test_untouched_files_are_as_recorded(started):
    record.check(started)
    assert Path("out/a-1/model.safetensors").exists()


def test_edits_that_do_not_concern_the_stage_are_let_be(started):
    edit("params.yaml", "epochs: 1", "epochs: 2")
    edit("params.yaml", "dft: {start: null}", "dft: {start: sft}")
    edit("params.yaml", "threads: 1", "threads: 1  # of one core")
    edit("stages/other.py")
    Path("counterpoint/methods/dft.py").write_text("new = 1\n")
    Path("counterpoint/training/__pycache__").mkdir()
    Path("counterpoint/training/__pycache__/loop.pyc").write_text("compiled")
    record.check(started)
    edit("counterpoint/training/loop.py")
    edit("counterpoint/training/loop.py", "two = 2\n", "")  # and put back
    record.check(started)
    assert Path("out/a-1/model.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("params.yaml", ("1e-4", "1e-3"), "rl.learning_rate in params.yaml (0.0001 when it began, 0.001 now)"),
        ("params.yaml", ("accuracy: 1.0", "accuracy: 1.0, format: 0.1"), "rl.rewards.format in params.yaml (None when"),
        ("params.yaml", ("grpo: {start: null}", "grpo: {start: sft}"), "arms.grpo.start in params.yaml"),
        ("grid.yaml", ("b-1: {arm: grpo, traces: oracle}", "b-1: {arm: dft}"), None),  # another run's
        ("grid.yaml", ("oracle}, b", "noisy}, b"), "grid.train.a-1.traces in grid.yaml (oracle when it began, noisy"),
        ("counterpoint/training/loop.py", (), "counterpoint/training/loop.py"),
        ("counterpoint/methods/grpo.py", (), "counterpoint/methods/grpo.py"),
        ("dvc.yaml", ("threads]", "threads, sft]"), None),  # DVC has read its graph before
    ],
)
def test_an_edit_of_what_it_depends_on_publishes_nothing(started, name, change, words):
    edit(name, *change)
    if words is None:
        record.check(started)
        assert Path("out/a-1").exists()
        return
    with pytest.raises(UserError) as told:
        record.check(started)
    assert words in str(told.value) and str(told.value).startswith("train@a-1: changed while it ran: ")
    assert "\n" not in str(told.value)
    assert not Path("out/a-1").exists()


def test_a_new_file_and_a_removed_one_are_edits(started):
    Path("counterpoint/training/further.py").write_text("more = 1\n")
    os.unlink("counterpoint/methods/grpo.py")
    with pytest.raises(UserError, match=r"methods/grpo\.py; counterpoint/training/further\.py; so"):
        record.check(started)


def test_nothing_is_noted_where_dvc_runs_no_stage(started, monkeypatch):
    monkeypatch.delenv(record.STAGE)
    assert record.begin() is None
    record.check(None)
