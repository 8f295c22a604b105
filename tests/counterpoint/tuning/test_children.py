"""Chains of real processes: exit codes, how many at a time, who waits for whom, and none outlives what began it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from counterpoint.tuning import children
from counterpoint.tuning.children import Command, Task

SCRIPTS = {
    "code": "import sys; print('ends with', sys.argv[1]); sys.exit(int(sys.argv[1]))",
    "mark": (
        "import pathlib, sys, time; p = pathlib.Path(sys.argv[1])\n"
        "p.write_text(f'{time.time()}'); time.sleep(0.3); p.with_suffix('.end').write_text(f'{time.time()}')"
    ),
    "sleeper": "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in SCRIPTS.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def command(folder, module, *arguments):
    return Command(module, arguments, folder, folder / f"{module}.log")


def wait_for(path):
    for _ in range(200):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise TimeoutError(path)


def gone(pid):
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_a_chain_is_sent_the_exit_code_of_each_program(folder):
    codes = []

    def chain():
        for code in (0, 3):
            codes.append((yield command(folder, "code", str(code))))

    def empty():
        yield from ()

    children.run({"empty": Task(empty), "a": Task(chain, frozenset({"empty"}))}, 1)
    assert codes == [0, 3] and (folder / "code.log").read_text() == "ends with 0\nends with 3\n"


def test_as_many_run_at_a_time_as_are_asked_for_and_none_before_what_it_needs(folder):
    def marks(name):
        yield command(folder, "mark", name)

    tasks = {name: Task(lambda name=name: marks(name)) for name in ("a", "b", "c")}
    children.run(tasks | {"last": Task(lambda: marks("last"), frozenset({"a", "b", "c"}))}, 2)
    spans = {name: [float((folder / f"{name}{end}").read_text()) for end in ("", ".end")] for name in (*tasks, "last")}
    assert max(spans["a"][0], spans["b"][0]) < min(spans["a"][1], spans["b"][1]) <= spans["c"][0]
    assert spans["last"][0] >= max(end for name, (_, end) in spans.items() if name != "last")


def test_an_error_of_one_chain_ends_the_programs_of_the_others(folder):
    def sleeps():
        yield command(folder, "sleeper")

    def fails():
        yield command(folder, "code", "1")
        wait_for(folder / "pid")
        raise RuntimeError("told")

    with pytest.raises(RuntimeError, match="told"):
        children.run({"sleeps": Task(sleeps), "fails": Task(fails)}, 2)
    assert gone(int((folder / "pid").read_text()))


def test_a_program_ends_when_its_parent_is_killed(folder):
    parent = (
        "import sys, pathlib\nfrom counterpoint.tuning.children import Command, Task, run\n"
        "def chain(): yield Command('sleeper', (), pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1]) / 'log')\n"
        "run({'a': Task(chain)}, 1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(children.ROOT)}
    process = subprocess.Popen([sys.executable, "-c", parent, str(folder)], env=environment)
    pid = int(wait_for(folder / "pid"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(pid)
