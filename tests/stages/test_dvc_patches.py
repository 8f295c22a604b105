"""A stage recorded by its own entry against DVC's way: the same dvc.lock to the byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from flows import graph
from stages import dvc_patches

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
    subprocess.run([sys.executable, "-I", dvc_patches.__file__, stage], check=True, capture_output=True)


@pytest.fixture
def recorded(toy):
    """The toy with all of its stages run and recorded by DVC."""
    with Repo(".") as repo:
        repo.reproduce()
    return toy


@pytest.mark.parametrize("text", [None, WIDE], ids=["the toy", "folded lines and many values"])
def test_the_lock_file_is_that_of_dvc(toy, text):
    (toy / "dvc.yaml").write_text(text or (toy / "dvc.yaml").read_text())
    lock, stages = toy / "dvc.lock", ["wide@a-b_1", "wide@other"] if text else ["data", "train@one"]
    for change, names in (("1", stages), ("2", stages[::-1] if text else stages[:1])):  # added, then replaced in place
        before = lock.read_bytes() if lock.exists() else None
        (toy / "source.txt").write_text(change)
        for stage in names:
            by_entry(stage)
        ours = lock.read_bytes()
        lock.unlink() if before is None else lock.write_bytes(before)
        with Repo(".") as repo:
            for stage in names:
                repo.reproduce(stage, single_item=True, force=True)
        assert ours == lock.read_bytes() and ours != before


CHANGES = [
    lambda text: "# mine\n" + text,
    lambda text: text.replace("  report:", "# mine\n  report:"),
    lambda text: text.replace("  report:", "  'report':"),
    lambda text: text.replace("schema: '2.0'\n", "") + "schema: '2.0'\n",
    lambda text: text + "datasets: []\n",
    lambda text: text + "\n",
]


def test_another_layout_is_left_to_dvc(recorded):
    lock = recorded / "dvc.lock"
    text = lock.read_text()
    assert dvc_patches.split(text).keys() == set(graph.needs(recorded))
    for change in CHANGES:
        assert change(text) != text and dvc_patches.split(change(text)) is None
    lock.write_text(CHANGES[1](text))
    (recorded / "source.txt").write_text("2")
    by_entry("data")
    assert "# mine" in lock.read_text()  # what a hand has written stays
    assert graph.settled(graph.needs()) == list(
        graph.needs(recorded)
    )  # the others' entries, and the new one, are there


def test_a_file_that_was_cut_off_is_never_taken_for_a_whole_one(recorded):
    text = (recorded / "dvc.lock").read_text()
    for lost in range(1, len(text)):
        entries = dvc_patches.split(text[:-lost])
        assert entries is None or text.startswith(dvc_patches.HEAD + "".join(entries.values()))


def test_a_killed_writer_leaves_the_file_whole(recorded):
    before = (recorded / "dvc.lock").read_bytes()
    (recorded / "source.txt").write_text("2")
    stop = "import os; os.replace = lambda *_: os._exit(9); import runpy, sys; sys.argv[1:] = ['data']; "
    code = f"{stop}runpy.run_path({dvc_patches.__file__!r}, run_name='__main__')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 9
    assert (recorded / "dvc.lock").read_bytes() == before
    by_entry("data")
    assert (recorded / "dvc.lock").read_bytes() != before and not Path("dvc.lock.new").exists()


def entry(pid: int, command: str) -> str:
    held = {"pid": pid, "cmd": command}
    return json.dumps({"write": {os.path.abspath("data.txt"): held}, "read": {os.path.abspath("source.txt"): [held]}})


def test_what_a_killed_process_left_in_the_lock_stops_nobody(toy):
    lock = toy / ".dvc/tmp/rwlock"
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "repro"])
    try:
        whole = entry(os.getpid(), f"{sys.executable} another command")
        for number, text in enumerate(
            [
                "",
                whole[:40],
                "[]",
                '{"write": 3}',
                whole,
                entry(other.pid, "dvc repro -s data"),
                entry(2**22, "dvc repro"),
            ]
        ):
            lock.write_text(text)
            (toy / "source.txt").write_text(str(number))
            by_entry("data")
            assert not any(json.loads(lock.read_text()).values())
    finally:
        other.kill()
        other.wait()


def test_a_living_process_with_that_command_holds_its_paths(toy):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "repro", "-s", "data"])
    try:
        (toy / ".dvc/tmp/rwlock").write_text(entry(other.pid, "/venv/bin/dvc repro -s data"))
        blocked = subprocess.run(
            [sys.executable, "-I", dvc_patches.__file__, "data"], capture_output=True, text=True, check=False
        )
        assert blocked.returncode and "is busy" in blocked.stderr and str(other.pid) in blocked.stderr
    finally:
        other.kill()
        other.wait()


def test_a_killed_writer_leaves_the_lock_whole(toy):
    lock = toy / ".dvc/tmp/rwlock"
    lock.write_text("{}")
    stop = "import os; os.replace = lambda *_: os._exit(9); import runpy, sys; sys.argv[1:] = ['data']; "
    code = f"{stop}runpy.run_path({dvc_patches.__file__!r}, run_name='__main__')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 9
    assert lock.read_text() == "{}"
