"""Programs that end when the process that they work for is gone, however it ended.

A killed process takes nothing with it by itself. There are two cases.

- A program that we start runs under a supervisor (`start`, `Programs`): `python supervise.py LOG COMMAND …`, standard
  library only. The supervisor's standard input is a pipe from whoever started it. When that closes, because the starter
  closed it or was killed, the command's process group gets SIGINT (DVC ignores it and waits, a stage saves) and SIGKILL
  after `GRACE` seconds. Supervisor and command have sessions of their own, so neither Ctrl-C in a terminal nor a signal
  to the starter's group reaches them by another way. Output goes to LOG and to standard output. The exit code is the
  command's own, or 128 + n when signal n ended it.
- A program that another starts, as DVC does a stage, watches the processes that it works for and ends itself
  (`end_with`).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT

GRACE = 20.0  # seconds to save; Prefect itself kills a cancelled flow after 30
POLL = 0.25  # seconds between two looks whether a process is alive
REDRAW = 5.0  # seconds between the states shown of a progress bar
SUPERVISOR = "COUNTERPOINT_SUPERVISOR"  # environment variable: the supervisor's process id, for its command
SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh")
LINE_END = re.compile(rb"(\r?\n|\r(?!\Z))")  # a final carriage return may be the first half of \r\n
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Stopped(RuntimeError):
    """A program was not started, or was ended, because all programs are being stopped."""


def start(
    command: Sequence[str],
    log: Path,
    folder: Path = Path(),
    environment: Mapping[str, str] = os.environ,
    stdout: int = PIPE,
) -> subprocess.Popen:
    """Start a command in `folder` under a supervisor, which is returned; its output is appended to `log`."""
    return subprocess.Popen(
        [sys.executable, "-IS", __file__, str(log.resolve()), *command],
        stdin=PIPE,
        stdout=stdout,
        cwd=folder,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        text=True,
        encoding="utf-8",
    )


def stop(supervisors: Collection[subprocess.Popen]) -> None:
    """Return when all that they started is gone: SIGINT, `GRACE` seconds, SIGKILL. Nothing is done to ended ones."""
    for supervisor in supervisors:
        with contextlib.suppress(OSError):
            supervisor.stdin.close()
    for supervisor in supervisors:
        supervisor.wait(GRACE + 10)


class Programs:
    """The supervised programs that threads of this process have at work, so that the main thread can end them all."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.environment = environment
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._living: list[subprocess.Popen] = []

    def start(self, command: Sequence[str], log: Path, folder: Path = Path(), stdout: int = PIPE) -> subprocess.Popen:
        """As the function `start`, in this environment; raises `Stopped` once all have been stopped."""
        with self._lock:
            if self.stopped.is_set():
                raise Stopped(f"{' '.join(command)}: stopped before it began")
            self._living = [supervisor for supervisor in self._living if supervisor.poll() is None]
            self._living.append(start(command, log, folder, self.environment, stdout))
            return self._living[-1]

    def stop(self) -> None:
        """Return when all are gone; none starts any more."""
        with self._lock:
            self.stopped.set()
        stop(self._living)


# What follows runs in the supervisor.


def lines(descriptor: int, redraw: float = REDRAW) -> Iterator[str]:
    """Lines read from a file descriptor, blank ones left out.

    A bar that redraws itself with carriage returns yields at most one state every `redraw` seconds, and its last.
    """
    pending, shown = b"", -redraw
    while chunk := os.read(descriptor, 65536):
        *parts, pending = LINE_END.split(pending + chunk)
        for raw, line_end in zip(parts[::2], parts[1::2], strict=True):
            text = COLOURS.sub("", raw.decode("utf-8", "replace")).rstrip()
            now = time.monotonic()
            if text and (line_end != b"\r" or now - shown >= redraw):
                shown = now if line_end == b"\r" else shown
                yield text
    if last := COLOURS.sub("", pending.decode("utf-8", "replace")).rstrip():
        yield last


def copy(descriptor: int, log: str, command: Sequence[str]) -> None:
    """Append the lines to the file `log` under a heading with the time, and write them to standard output."""
    listening = True
    os.makedirs(os.path.dirname(log) or ".", exist_ok=True)
    with open(log, "a", encoding="utf-8", buffering=1) as file:
        file.write(f"=== {datetime.now().astimezone().isoformat(timespec='seconds')} {' '.join(command)}\n")
        for line in lines(descriptor):
            file.write(f"{line}\n")
            try:
                if listening:
                    os.write(1, f"{line}\n".encode())
            except OSError:
                listening = False


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group, if any of it is left."""
    # macOS answers "not permitted" for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def end(group: int) -> None:
    """Ask the group to stop; kill it when it has not after `GRACE` seconds."""
    signal_group(group, signal.SIGINT)
    time.sleep(GRACE)
    signal_group(group, signal.SIGKILL)


def main(log: str, *command: str) -> int:
    """Run the command to its end, and leave nothing of its group alive; the exit code."""
    asked_to_end = threading.Event()

    def watch_starter() -> None:
        while os.read(0, 1024):
            pass
        asked_to_end.set()

    def end_when_asked() -> None:
        asked_to_end.wait()
        end(child.pid)

    # Before the child is there: a shell makes its background jobs ignore SIGINT, and the child would inherit that.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked_to_end.set())
    environment = {**os.environ, SUPERVISOR: str(os.getpid())}
    child = subprocess.Popen(
        command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environment, start_new_session=True
    )
    copying = threading.Thread(target=copy, args=(child.stdout.fileno(), log, command), daemon=True)
    copying.start()
    threading.Thread(target=watch_starter, daemon=True).start()
    threading.Thread(target=end_when_asked, daemon=True).start()
    code = child.wait()
    signal_group(child.pid, signal.SIGKILL)
    copying.join(5)  # only a process that left the group could still hold the pipe
    return code if code >= 0 else 128 - code


# What follows runs in a program that another one started.


def caller() -> int | None:
    """The process id of the nearest ancestor that is no shell."""
    import psutil

    return next((parent.pid for parent in psutil.Process().parents() if parent.name() not in SHELLS), None)


def supervisor() -> int | None:
    """The process id of the supervisor of this process; None where there is none."""
    pid = os.environ.get(SUPERVISOR, "")
    return int(pid) if pid.isdecimal() else None


def make() -> int | None:
    """The process id of the `make` that started this process; None where another program did."""
    import psutil

    pid = caller()
    return pid if pid and psutil.Process(pid).name() in ("make", "gmake") else None


def end_with(*pids: int | None) -> None:
    """Send this process SIGTERM as soon as one of those processes is gone, and end it `GRACE` seconds later if need be.

    A process id may be None: there is nothing to watch then.
    """
    wanted = [pid for pid in pids if pid is not None]
    if not wanted:
        return
    import psutil

    try:
        watched = [psutil.Process(pid) for pid in wanted]
    except psutil.NoSuchProcess:
        os.kill(os.getpid(), signal.SIGTERM)
        return
    threading.Thread(target=_watch, args=(watched,), daemon=True).start()


def _watch(processes: Iterable) -> None:
    while all(map(_alive, processes)):
        time.sleep(POLL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)


def _alive(process) -> bool:
    """Whether a psutil process is there, told by its start too, since ids are used again; a zombie is not."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
