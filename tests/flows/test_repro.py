"""A stage recorded by its own entry against DVC's way: the same dvc.lock to the byte."""

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from flows import graph, repro

WIDE = """\
stages:
  wide:
    foreach: [a-b_1, other]
    do:
      cmd: echo 'a line so long that whoever writes it into a file of eighty columns folds it once or twice' > ${item}
      params:
        - rl
        - sft
        - distill
        - suites
      deps: [source.txt]
      outs: ["${item}"]
"""


def by_entry(stage: str) -> None:
    subprocess.run([sys.executable, "-I", repro.__file__, stage], check=True, capture_output=True)


@pytest.mark.parametrize("text", [None, WIDE], ids=["the toy", "odd names and values"])
def test_the_lock_file_is_that_of_dvc(toy, text):
    (toy / "dvc.yaml").write_text(text or (toy / "dvc.yaml").read_text())
    lock = toy / "dvc.lock"
    for change in ("1", "2"):  # entries are added, then replaced where they stand
        before = lock.read_bytes() if lock.exists() else None
        (toy / "source.txt").write_text(change)
        stages = sorted(graph.stages(toy), reverse=change == "2" and text is not None)
        for stage in stages if text else graph.stages(toy):
            by_entry(stage)
        ours = lock.read_bytes()
        lock.unlink() if before is None else lock.write_bytes(before)
        with Repo(".") as repo:
            for stage in stages if text else graph.stages(toy):
                repo.reproduce(stage, single_item=True, force=True)
        assert ours == lock.read_bytes() and ours != before


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "# mine\n" + text,
        lambda text: text.replace("  report:", "# mine\n  report:"),
        lambda text: text.replace("  report:", "  'report':"),
        lambda text: text.replace("schema: '2.0'\n", "") + "schema: '2.0'\n",
        lambda text: text + "datasets: []\n",
        lambda text: text + "\n",
    ],
)
def test_another_layout_is_left_to_dvc(toy, change):
    for stage in graph.stages(toy):
        by_entry(stage)
    lock = toy / "dvc.lock"
    changed = change(lock.read_text())
    assert repro.split(lock.read_text()) is not None and repro.split(changed) is None
    lock.write_text(changed)
    (toy / "source.txt").write_text("2")
    by_entry("data")
    assert repro.split(lock.read_text()) is None or "# mine" not in changed  # what a hand has written stays
    assert graph.settled(graph.needs()) == graph.stages(toy)  # the others' entries, and the new one, are there


@pytest.mark.parametrize("lost", [1, 20, 60, 200])
def test_a_file_that_was_cut_off_is_never_taken_for_a_whole_one(toy, lost):
    for stage in graph.stages(toy):
        by_entry(stage)
    text = (toy / "dvc.lock").read_text()
    entries = repro.split(text[:-lost])
    assert entries is None or text.startswith(repro.HEAD + "".join(entries.values()))


def test_a_killed_writer_leaves_the_file_whole(toy, monkeypatch):
    by_entry("data")
    before = (toy / "dvc.lock").read_bytes()
    (toy / "source.txt").write_text("2")
    stop = "import os; os.replace = lambda *_: os._exit(9); import runpy, sys; sys.argv[1:] = ['data']; "
    code = f"{stop}runpy.run_path({repro.__file__!r}, run_name='__main__')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 9
    assert (toy / "dvc.lock").read_bytes() == before
    by_entry("data")
    assert (toy / "dvc.lock").read_bytes() != before and Path("dvc.lock.new").exists() is False
