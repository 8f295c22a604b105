"""One stage of the graph as a child process that can be stopped: `dvc --wait-for-lock repro -s STAGE`.

    python -m flows.runner train@rl-small-2k-0

The process tree is caller → counterpoint/supervise.py → stages/dvc_patches.py (DVC) → shell → stage program. Whatever
ends the caller, be it an exception, a cancelled flow or SIGKILL, ends the tree.
"""

from __future__ import annotations

import collections
import contextlib
import re
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

from counterpoint import supervise
from stages import dvc_patches

TAIL = 20  # lines of output that a failure repeats
RETRIES = 2  # of a stage that another DVC process blocked
RETRY_DELAY = 10.0  # seconds
# DVC's own words; a stage program may say "busy" too, so only its ERROR line counts.
LOCKED = re.compile(r"^ERROR: .*(Unable to acquire lock|is busy, it is being blocked by|failed to lock)", re.IGNORECASE)


class StageFailed(RuntimeError):
    """The stage ended with an error of its own, which another try would meet again."""


class LockConflict(StageFailed):
    """Another DVC process holds what this stage needs: worth another try."""


# The programs of this run, for Prefect's tasks: their threads inherit the context, while their parameters are copied.
# It stands in this module because a served flow is pickled with all that its own module holds.
CURRENT: ContextVar[supervise.Programs] = ContextVar("programs")


def log_file(target: str, root: Path = Path()) -> Path:
    """Where the output of a stage is appended."""
    return root / "logs" / f"{target.replace('/', '-')}.log"


def run_stage(
    target: str,
    emit: Callable[[str], object] = print,
    root: Path = Path(),
    programs: supervise.Programs | None = None,
) -> str:
    """Bring one stage up to date, its inputs as they are; `ran`, `restored` (from DVC's cache) or `unchanged`.

    Each line of output goes to `emit` and to logs/<stage>.log under `root`. Where another DVC process blocks the stage,
    it is tried again. Before any exception leaves this function, KeyboardInterrupt and Prefect's termination included,
    the stage's whole process group has been ended. A thread, which no signal reaches, is stopped through `programs`.
    Raises `StageFailed`, and `supervise.Stopped` where all are being stopped.
    """
    programs = programs or supervise.Programs()
    conflicts = 0
    while True:
        try:
            return _try(target, emit, root, programs)
        except LockConflict:
            conflicts += 1
            if conflicts > RETRIES:
                raise
        emit(f"another DVC process is at work here; tried again in {RETRY_DELAY:.0f} s")
        programs.stopped.wait(RETRY_DELAY)


def _try(target: str, emit: Callable[[str], object], root: Path, programs: supervise.Programs) -> str:
    command = [sys.executable, "-Iu", dvc_patches.__file__, target]
    supervisor = programs.start(command, log_file(target, root), root)
    outcome, tail = "ran", collections.deque(maxlen=TAIL)
    try:
        for raw in supervisor.stdout:
            line = raw.rstrip("\n")
            tail.append(line)
            if line == f"Stage '{target}' didn't change, skipping":
                outcome = "unchanged"
            elif line.startswith(f"Stage '{target}' is cached - skipping run"):
                outcome = "restored"
            emit(line)
        code = supervisor.wait()
    finally:
        # A full pipe that nobody reads would block the stage while it saves. Closed, the output still goes to the log.
        with contextlib.suppress(OSError):
            supervisor.stdout.close()
        supervise.stop([supervisor])
    if code and any(LOCKED.match(line) for line in tail):
        raise LockConflict(f"{target}: another DVC process is at work here\n" + "\n".join(tail))
    if code:
        raise StageFailed(f"{target}: exit code {code}; its last lines:\n" + "\n".join(tail))
    return outcome


if __name__ == "__main__":
    run_stage(sys.argv[1])
