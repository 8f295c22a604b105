"""One stage of the graph as a child process that can be stopped: `dvc --wait-for-lock repro -s STAGE`.

    python -m flows.runner rl@rl-small-2k-0

The process tree is caller → flows/supervise.py → dvc → shell → stage program. Whatever ends the caller, be it an
exception, a cancelled flow or SIGKILL, ends the tree.
"""

from __future__ import annotations

import collections
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from flows import graph
from flows.supervise import GRACE

SUPERVISOR = Path(__file__).with_name("supervise.py")
TAIL = 20  # lines of output that a failure repeats
# DVC's own words; a stage program may say "busy" too, so only its ERROR line counts.
LOCKED = re.compile(r"^ERROR: .*(Unable to acquire lock|is busy, it is being blocked by|failed to lock)", re.IGNORECASE)


class LockConflict(RuntimeError):
    """Another DVC process holds what this stage needs: worth another try."""


class StageFailed(RuntimeError):
    """The stage ended with an error of its own, which another try would meet again."""


def run_stage(target: str, emit: Callable[[str], object] = print, root: Path = Path()) -> str:
    """Bring one stage up to date, its dependencies taken as they stand: `ran`, `restored` (from cache) or `unchanged`.

    Each line of output goes to `emit` and to logs/<stage>.log under `root`. Raises `LockConflict` or `StageFailed`.
    """
    if graph.unchanged(target, root):
        emit(f"Stage '{target}' didn't change, skipping")
        return "unchanged"
    outcome = "ran"

    def listen(line: str) -> None:
        nonlocal outcome
        if line == f"Stage '{target}' didn't change, skipping":
            outcome = "unchanged"
        elif line.startswith(f"Stage '{target}' is cached - skipping run"):
            outcome = "restored"
        emit(line)

    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-s", target]
    code, tail = run(command, root / "logs" / f"{target.replace('/', '-')}.log", listen, root)
    if code and any(LOCKED.match(line) for line in tail):
        raise LockConflict(f"{target}: another DVC process is at work here\n" + "\n".join(tail))
    if code:
        raise StageFailed(f"{target}: exit code {code}; its last lines:\n" + "\n".join(tail))
    return outcome


def run(command: list[str], log: Path, emit: Callable[[str], object], root: Path = Path()) -> tuple[int, list[str]]:
    """Run a command in `root` under the supervisor: its exit code and its last lines.

    On any exception, KeyboardInterrupt and Prefect's termination included, the command's whole process group is gone
    (SIGINT, `GRACE` seconds, SIGKILL) before the exception goes on.
    """
    tail: collections.deque[str] = collections.deque(maxlen=TAIL)
    supervisor = subprocess.Popen(
        [sys.executable, "-IS", str(SUPERVISOR), str(log.resolve()), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        text=True,
        encoding="utf-8",
    )
    try:
        for line in supervisor.stdout:
            tail.append(line.rstrip("\n"))
            emit(line.rstrip("\n"))
        return supervisor.wait(), list(tail)
    finally:
        # With nobody reading, a full pipe would block the stage while it saves; closed, its output goes to the log.
        for pipe in (supervisor.stdin, supervisor.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        supervisor.wait(GRACE + 10)


if __name__ == "__main__":
    run_stage(sys.argv[1])
