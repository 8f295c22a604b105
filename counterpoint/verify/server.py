"""The caller's side of `worker.py`: start it once, ask it from any thread, end it with the process.

Each question travels over a socket of its own, so threads need not wait for one another.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from counterpoint.errors import UserError

SECONDS = 30.0  # to wait for a worker in trouble: a comparison ends by itself, after `worker.SECONDS`
START = 300.0  # seconds for math-verify to load, which happens once a process

_lock = threading.Lock()
_worker: tuple[subprocess.Popen, socket.socket] | None = None


def ask(answer: str, gold: str) -> tuple[bool, str]:
    """Whether two normalised expressions are equal, and why (not).

    A comparison that takes longer than `worker.SECONDS`, or that dies, is not equal; its reason says so. Raises
    `UserError` when the worker cannot be started.
    """
    try:
        return _asked(answer, gold)
    except OSError:  # a time-out too
        return False, "the comparison was not answered"


@lru_cache(maxsize=10_000)  # samples of one problem repeat themselves, and two judges ask
def _asked(answer: str, gold: str) -> tuple[bool, str]:
    """The same; raises OSError, and ends the worker, when it is in trouble."""
    process, control = _ready()
    ours, theirs = socket.socketpair()
    with ours:
        ours.settimeout(SECONDS)
        try:
            with theirs:
                ours.sendall(json.dumps([answer, gold]).encode())
                ours.shutdown(socket.SHUT_WR)
                socket.send_fds(control, [b"q"], [theirs.fileno()])
            result = ours.recv(1)
            if not result and process.poll() is not None:
                raise ConnectionResetError("the worker died")
        except OSError:
            stop(process)
            raise
    if not result:
        return False, "the comparison did not end in time"
    return (True, "equal") if result == b"1" else (False, "another expression")


def _ready() -> tuple[subprocess.Popen, socket.socket]:
    global _worker
    with _lock:
        if _worker is not None and _worker[0].poll() is not None:
            _end(*_worker)
            _worker = None
        if _worker is None:
            _worker = _start()
        return _worker


def _start() -> tuple[subprocess.Popen, socket.socket]:
    if find_spec("math_verify") is None:
        raise UserError("expression answers are compared by math-verify, which is not installed: run make setup")
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "counterpoint.verify.worker", str(theirs.fileno()), str(os.getpid())],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    ours.settimeout(START)
    try:
        ready = ours.recv(1)
    except OSError:
        ready = b""
    if not ready:
        _end(process, ours)
        raise UserError("expression answers are compared by math-verify, which does not start: run make setup")
    ours.settimeout(SECONDS)
    return process, ours


def _end(process: subprocess.Popen, control: socket.socket) -> None:
    control.close()
    process.kill()
    process.wait()


def stop(process: subprocess.Popen | None = None) -> None:
    """End the worker (only if it is still this one); the next question starts another."""
    global _worker
    with _lock:
        if _worker is not None and process in (None, _worker[0]):
            _end(*_worker)
            _worker = None


def _forget() -> None:
    """In a fork of this process: the worker, and perhaps the lock's holder, are the parent's."""
    global _lock, _worker
    _lock = threading.Lock()
    if _worker is not None:
        process, control = _worker
        process.returncode = 0  # not this process's child to wait for
        control.close()
        _worker = None


atexit.register(stop)
os.register_at_fork(after_in_child=_forget)
