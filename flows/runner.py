"""One stage of the graph as a child process that can be stopped: `dvc --wait-for-lock repro -s STAGE` (flows/repro.py).

    python -m flows.runner train@rl-small-2k-0

The process tree is caller → flows/supervise.py → dvc → shell → stage program. Whatever ends the caller, be it an
exception, a cancelled flow or SIGKILL, ends the tree.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

from flows.supervise import GRACE

SUPERVISOR = Path(__file__).with_name("supervise.py")
REPRO = Path(__file__).with_name("repro.py")
TAIL = 20  # lines of output that a failure repeats
# DVC's own words; a stage program may say "busy" too, so only its ERROR line counts.
LOCKED = re.compile(r"^ERROR: .*(Unable to acquire lock|is busy, it is being blocked by|failed to lock)", re.IGNORECASE)


class LockConflict(RuntimeError):
    """Another DVC process holds what this stage needs: worth another try."""


class StageFailed(RuntimeError):
    """The stage ended with an error of its own, which another try would meet again."""


@dataclasses.dataclass
class Child:
    """A stage at work, under its supervisor."""

    target: str
    supervisor: subprocess.Popen
    outcome: str = "ran"
    tail: collections.deque[str] = dataclasses.field(default_factory=lambda: collections.deque(maxlen=TAIL))


def log_file(target: str, root: Path = Path()) -> Path:
    """Where the output of a stage is appended."""
    return root / "logs" / f"{target.replace('/', '-')}.log"


def start(target: str, root: Path = Path(), environment: Mapping[str, str] = os.environ) -> Child:
    """Start the stage in `root`. It ends when the caller does, or closes the supervisor's standard input."""
    command = [sys.executable, "-Iu", str(REPRO), target]
    supervisor = subprocess.Popen(
        [sys.executable, "-IS", str(SUPERVISOR), str(log_file(target, root).resolve()), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        text=True,
        encoding="utf-8",
    )
    return Child(target, supervisor)


def lines(child: Child) -> Iterator[str]:
    """The child's output line by line until it ends; what DVC says of the outcome is noted on the way."""
    for raw in child.supervisor.stdout:
        line = raw.rstrip("\n")
        child.tail.append(line)
        if line == f"Stage '{child.target}' didn't change, skipping":
            child.outcome = "unchanged"
        elif line.startswith(f"Stage '{child.target}' is cached - skipping run"):
            child.outcome = "restored"
        yield line


def finish(child: Child) -> str:
    """The outcome of a child whose lines have all been read; raises `LockConflict` or `StageFailed`."""
    code = child.supervisor.wait()
    if code and any(LOCKED.match(line) for line in child.tail):
        raise LockConflict(f"{child.target}: another DVC process is at work here\n" + "\n".join(child.tail))
    if code:
        raise StageFailed(f"{child.target}: exit code {code}; its last lines:\n" + "\n".join(child.tail))
    return child.outcome


def stop(children: Collection[Child]) -> None:
    """Return when the children's process groups are gone: SIGINT, `GRACE` seconds, SIGKILL. Ended ones are let be."""
    for child in children:
        with contextlib.suppress(OSError):
            child.supervisor.stdin.close()
    for child in children:
        child.supervisor.wait(GRACE + 10)


class Children:
    """The stages that threads of this process have at work, so that the main thread can end them all."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.environment = environment
        self.lock = threading.Lock()
        self.stopped = False
        self.living: list[Child] = []

    def start(self, target: str, root: Path) -> Child:
        """Start a stage; raises `StageFailed` once all have been stopped."""
        with self.lock:
            if self.stopped:
                raise StageFailed(f"{target}: stopped before it began")
            child = start(target, root, self.environment)
            self.living.append(child)
            return child

    def stop(self) -> None:
        """Return when all are gone; none starts any more."""
        with self.lock:
            self.stopped = True
        stop(self.living)


# Of the present run. Not a parameter of Prefect's tasks, for it copies those; their threads inherit the context. Here,
# because a served flow is pickled with what its own module holds.
CURRENT: ContextVar[Children] = ContextVar("children")


def run_stage(
    target: str, emit: Callable[[str], object] = print, root: Path = Path(), children: Children | None = None
) -> str:
    """Bring one stage up to date, its dependencies taken as they stand: `ran`, `restored` (from cache) or `unchanged`.

    Each line of output goes to `emit` and to logs/<stage>.log under `root`. Raises `LockConflict` or `StageFailed`.
    On any exception, KeyboardInterrupt and Prefect's termination included, the stage's whole process group is gone
    before the exception goes on. A thread, which no signal reaches, is stopped through `children`.
    """
    child = children.start(target, root) if children else start(target, root)
    try:
        for line in lines(child):
            emit(line)
        return finish(child)
    finally:
        # With nobody reading, a full pipe would block the stage while it saves; closed, its output goes to the log.
        with contextlib.suppress(OSError):
            child.supervisor.stdout.close()
        stop([child])


if __name__ == "__main__":
    run_stage(sys.argv[1])
