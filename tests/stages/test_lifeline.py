"""A program that works for another ends with it, however that ends, and is told to save first."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages import lifeline

ROOT = Path(__file__).resolve().parents[2]
WORKER = """\
import os, signal, sys, time
from stages import lifeline
signal.signal(signal.SIGTERM, lambda *_: (print("saved", flush=True), os._exit(7)) if {polite} else None)
lifeline.GRACE = 0.5
lifeline.end_with([int(pid) for pid in sys.argv[1:]])
print("begun", flush=True)
time.sleep(60)
"""


def begin(*pids: int, polite: bool = True) -> subprocess.Popen:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(polite=polite), *map(str, pids)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout.readline() == "begun\n"
    return worker


@pytest.fixture
def others():
    """Two processes that sleep."""
    living = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(2)]
    yield living
    for process in living:
        process.kill()
        process.wait()


@pytest.mark.parametrize("which", [0, 1])
def test_it_saves_and_ends_with_any_of_those_that_it_works_for(others, which):
    worker = begin(*(process.pid for process in others))
    time.sleep(2 * lifeline.POLL)
    assert worker.poll() is None
    others[which].send_signal(signal.SIGKILL)  # and nobody collects it: a zombie is gone
    assert worker.wait(5) == 7 and worker.stdout.read() == "saved\n"


def test_one_that_does_not_listen_is_ended(others):
    worker = begin(others[0].pid, polite=False)
    others[0].kill()
    assert worker.wait(5) == 128 + signal.SIGTERM


def test_one_that_begins_after_the_end_ends_at_once(others):
    others[0].kill()
    others[0].wait()
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(polite=True), str(others[0].pid)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.wait(10) == 7 and worker.stdout.read() == "saved\n"


def test_the_caller_is_the_nearest_that_is_no_shell(tmp_path):
    code = "from stages import lifeline; print(lifeline.caller().pid, *lifeline.of_stage(), *lifeline.made_by_make())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), lifeline.SUPERVISOR: "1"}
    (tmp_path / "Makefile").write_text(f"what:\n\t@{sys.executable} -c '{code}'; true\n")
    asked = subprocess.Popen(
        ["sh", "-c", f"{sys.executable} -c '{code}'; true"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert asked.communicate()[0] == f"{os.getpid()} {os.getpid()} 1\n"
    make = subprocess.Popen(
        ["make", "--no-print-directory"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert make.communicate()[0] == f"{make.pid} {make.pid} 1 {make.pid}\n"
