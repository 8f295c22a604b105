"""A program ends with the one that it works for, however that ends, and is told to save first."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from counterpoint import supervise

SCRIPT = Path(supervise.__file__)
ROOT = Path(__file__).resolve().parents[2]
WORKER = """\
import os, signal, sys, time
from counterpoint import supervise
signal.signal(signal.SIGTERM, lambda *_: (print("saved", flush=True), os._exit(7)) if {polite} else None)
supervise.GRACE = 0.5
supervise.end_with(*map(int, sys.argv[1:]))
print("begun", flush=True)
time.sleep(60)
"""


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
    time.sleep(2 * supervise.POLL)
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
    code = "from counterpoint import supervise as s; print(s.caller(), s.supervisor(), s.make())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), supervise.SUPERVISOR: "1"}
    (tmp_path / "Makefile").write_text(f"what:\n\t@{sys.executable} -c '{code}'; true\n")
    asked = subprocess.Popen(
        ["sh", "-c", f"{sys.executable} -c '{code}'; true"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert asked.communicate()[0] == f"{os.getpid()} 1 None\n"
    make = subprocess.Popen(
        ["make", "--no-print-directory"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert make.communicate()[0] == f"{make.pid} 1 {make.pid}\n"
