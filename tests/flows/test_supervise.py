import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows import supervise

SCRIPT = Path(supervise.__file__)


def gone(pid: int, within: float = 10.0) -> bool:
    """Whether the process ends within the time, a zombie that nobody collects counted as ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
        if not state or state.startswith("Z"):
            return True
        time.sleep(0.1)
    return False


def pids(path: Path, count: int) -> list[int]:
    """The process ids that a command wrote to a file, once there are `count` of them."""
    for _ in range(200):
        if path.exists() and len(path.read_text().split()) == count:
            return [int(word) for word in path.read_text().split()]
        time.sleep(0.1)
    raise AssertionError(f"{path} never held {count} process ids")


def piped(data: bytes, redraw: float) -> list[str]:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    try:
        return list(supervise.lines(reader, redraw))
    finally:
        os.close(reader)


def test_a_progress_bar_becomes_a_line_now_and_then():
    bar = b"start\r\n\r 1%\r 2%\r\x1b[32m 3%\x1b[0m\n\nend \xff"
    assert piped(bar, redraw=60) == ["start", " 1%", " 3%", "end \ufffd"]
    assert piped(bar, redraw=0) == ["start", " 1%", " 2%", " 3%", "end \ufffd"]


def test_exit_code_output_and_log(tmp_path):
    log = tmp_path / "logs" / "stage.log"
    command = [sys.executable, SCRIPT, log, "sh", "-c", "echo out; echo err >&2; exit 7"]
    for _ in range(2):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.read() == "out\nerr\n"
            assert process.wait() == 7
    assert [line[:4] for line in log.read_text().splitlines()] == ["=== ", "out", "err"] * 2


def test_grandchildren_die_when_the_parent_is_killed(tmp_path):
    holder = "import sys, subprocess as s; s.Popen(sys.argv[1:], stdin=s.PIPE, start_new_session=True).wait()"
    tree = f"trap 'echo saved; exit' INT; sleep 300 & echo $$ $! > {tmp_path}/pids; wait"
    command = [sys.executable, "-c", holder, sys.executable, SCRIPT, tmp_path / "stage.log", "bash", "-c", tree]
    parent = subprocess.Popen(command)
    shell, sleep = pids(tmp_path / "pids", 2)
    parent.kill()
    parent.wait()
    assert gone(shell) and gone(sleep)
    assert "saved" in (tmp_path / "stage.log").read_text()  # it was asked first, and its last words were kept


def test_stragglers_do_not_outlive_their_stage(tmp_path):
    command = [sys.executable, SCRIPT, tmp_path / "log", "sh", "-c", f"sleep 300 & echo $! > {tmp_path}/pids"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait(20) == 0
    assert gone(*pids(tmp_path / "pids", 1))


def test_a_group_that_ignores_the_request_is_killed(monkeypatch):
    monkeypatch.setattr(supervise, "GRACE", 0.5)
    deaf = "import signal, time; signal.signal(2, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"
    child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.readline()
    supervise.end(child.pid)
    assert child.wait(5) == -signal.SIGKILL
    supervise.end(child.pid)  # nothing left: no error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_supervisor_ends_the_command(tmp_path, number):
    command = [sys.executable, SCRIPT, tmp_path / "log", "sh", "-c", f"echo $$ > {tmp_path}/pids; exec sleep 300"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        (pid,) = pids(tmp_path / "pids", 1)
        process.send_signal(number)
        assert process.wait(10) == 128 + signal.SIGINT
    assert gone(pid)


def test_the_command_hears_the_request_when_started_in_the_background(tmp_path):
    deaf = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # what a shell does to its background jobs
    command = [
        *deaf,
        sys.executable,
        SCRIPT,
        tmp_path / "log",
        "sh",
        "-c",
        f"echo $$ > {tmp_path}/pids; exec sleep 300",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        pids(tmp_path / "pids", 1)
        process.stdin.close()
        assert process.wait(10) == 128 + signal.SIGINT
