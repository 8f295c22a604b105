import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flows import runner

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = """\
stages:
  long:
    cmd: sh -c 'sleep 300 & echo $$ $! > pids; echo begun; wait'
    outs:
      - never
"""


def test_ran_unchanged_restored_and_the_lock_file_is_dvcs_own(toy):
    lines = []
    assert runner.run_stage("data", lines.append, toy) == "ran"
    assert "> echo hello > data.txt" in lines
    before = (toy / "dvc.lock").read_bytes()
    assert runner.run_stage("data", lines.append, toy) == "unchanged"
    (toy / "data.txt").unlink()
    assert runner.run_stage("data", lines.append, toy) == "restored"
    assert (toy / "dvc.lock").read_bytes() == before
    log = (toy / "logs" / "data.log").read_text()
    assert log.count("=== ") == 3 and "> echo hello > data.txt" in log


def test_a_failed_stage_shows_its_last_lines_and_a_busy_device_is_no_lock(toy):
    (toy / "dvc.yaml").write_text("stages:\n  bad:\n    cmd: echo device is busy; exit 3\n    outs:\n      - never\n")
    lines = []
    with pytest.raises(runner.StageFailed, match=r"(?s)bad: exit code 255.*device is busy.*exited with 3"):
        runner.run_stage("bad", lines.append, toy)
    assert not any("tried again" in line for line in lines)


def test_what_another_dvc_process_holds_is_a_lock_conflict(toy, monkeypatch):
    monkeypatch.setattr(runner, "RETRY_DELAY", 0.0)
    held = {"write": {str(toy / "data.txt"): {"pid": os.getpid(), "cmd": " ".join(psutil.Process().cmdline())}}}
    (toy / ".dvc" / "tmp" / "rwlock").write_text(json.dumps(held))
    lines = []
    with pytest.raises(runner.LockConflict, match="is busy"):
        runner.run_stage("data", lines.append, toy)
    assert sum("tried again" in line for line in lines) == runner.RETRIES


def test_an_exception_leaves_nothing_alive(toy, gone):
    (toy / "dvc.yaml").write_text(SLEEPER)

    def stop(line: str) -> None:
        if line == "begun":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run_stage("long", stop, toy)
    assert gone([int(word) for word in (toy / "pids").read_text().split()], within=0)
    # DVC was asked, not killed: it has let go of what it held.
    assert not any(json.loads((toy / ".dvc" / "tmp" / "rwlock").read_text()).values())


def test_a_killed_caller_takes_dvc_shell_and_grandchild_with_it(toy, gone):
    (toy / "dvc.yaml").write_text(SLEEPER)
    command = [sys.executable, "-m", "flows.runner", "long"]
    caller = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True
    )
    while caller.stdout.readline().strip() != "begun":
        assert caller.poll() is None
    tree = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout.split()
    parent = dict(zip(map(int, tree[::2]), map(int, tree[1::2]), strict=True))
    pids = [int(word) for word in (toy / "pids").read_text().split()]
    while parent[pids[-1]] != caller.pid:
        pids.append(parent[pids[-1]])
    assert len(pids) >= 4  # sleep, shell, dvc, supervisor
    caller.kill()
    caller.wait()
    assert gone(pids)
