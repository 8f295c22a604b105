"""A program that ends when the one that it works for is gone, whatever ended that.

A stage works for the `dvc` that runs it and for the supervisor of that (flows/supervise.py); `make study` for `make`; a
served flow for the program that serves it. A killed process takes nothing with it by itself.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable

import psutil

SUPERVISOR = "COUNTERPOINT_SUPERVISOR"  # the variable in which flows/supervise.py leaves its process id
SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh")
POLL = 0.25  # seconds
GRACE = 20.0  # seconds to save, then the process ends


def caller() -> psutil.Process | None:
    """The nearest ancestor that is no shell."""
    return next((p for p in psutil.Process().parents() if p.name() not in SHELLS), None)


def of_stage() -> list[int]:
    """The processes that a stage works for: DVC and, where there is one, its supervisor."""
    dvc, supervisor = caller(), os.environ.get(SUPERVISOR, "")
    return [*([dvc.pid] if dvc else []), *([int(supervisor)] if supervisor.isdecimal() else [])]


def made_by_make() -> list[int]:
    """`make`, where it started this process."""
    found = caller()
    return [found.pid] if found and found.name() in ("make", "gmake") else []


def end_with(pids: Iterable[int]) -> None:
    """Send this process SIGTERM as soon as one of those is gone, and end it `GRACE` seconds later if need be."""
    watched = []
    for pid in pids:
        try:
            watched.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            os.kill(os.getpid(), signal.SIGTERM)
            return
    if watched:
        threading.Thread(target=_watch, args=(watched,), daemon=True).start()


def _watch(watched: list[psutil.Process]) -> None:
    while all(map(_alive, watched)):
        time.sleep(POLL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)


def _alive(process: psutil.Process) -> bool:
    """Whether it is there, told by its start too, since ids are used again; a zombie is not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
