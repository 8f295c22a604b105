"""A reward function in a process of its own: one that hangs or dies ends that process, not the lint.

It imports what the user names and nothing else. What it prints is dropped.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from counterpoint.errors import UserError, one_line
from counterpoint.lint import calling
from counterpoint.lint.battery import Gold

START = 60.0  # seconds to import the user's module
PATIENCE = 20.0  # seconds more, for all calls together: a reward may load what it needs when it first needs it
HANGS = 3  # calls without an end, or deaths, after which no more are tried


@dataclass(frozen=True)
class Outcome:
    """What one call gave: the reward, or why there is none (`fault`). Neither: it was not tried."""

    value: float | None = None
    fault: str = ""


class Apart:
    """The reward `name` in its process; to be used in a `with` block.

    Raises `UserError` when it cannot be loaded. seconds: after which one call counts as hanging, once `PATIENCE`
    is used up.
    """

    def __init__(self, name: str, golds: Sequence[Gold], signature: str | None, seconds: float) -> None:
        self.name, self.golds, self.seconds, self.hangs = name, golds, seconds, 0
        self._wanted = signature
        self._process, self._connection = None, None
        self._patience = PATIENCE

    def __enter__(self) -> Apart:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def given_up(self) -> bool:
        """Whether it hung or died so often that no more calls are made."""
        return self.hangs >= HANGS

    def call(self, completion: str, gold: Gold, chat: bool) -> Outcome:
        """The reward of one completion. chat: as a conversation of one message, as TRL may pass it."""
        if self.given_up:
            return Outcome()
        began = time.monotonic()
        try:
            self._connection.send((completion, gold, chat))
            if self._connection.poll(self.seconds + self._patience):
                value, fault, mistake = self._connection.recv()
                self._patience -= min(self._patience, max(0.0, time.monotonic() - began - self.seconds))
                if mistake:
                    raise UserError(mistake)
                return Outcome(value, fault)
            fault = f"did not end within {self.seconds:g} s"
        except (EOFError, OSError):
            fault = "ended the process"
        self.hangs, self._patience = self.hangs + 1, 0.0
        self._end()
        if not self.given_up:
            self._start()
        return Outcome(fault=fault)

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.name, self.golds, self._wanted))
        self._process.start()
        theirs.close()
        kind, text = "fault", f"{self.name}: its module is not imported within {START:.0f} s"
        with contextlib.suppress(EOFError, OSError):
            if self._connection.poll(START):
                text = f"{self.name}: importing it ends the process"
                kind, text = self._connection.recv()
        if kind == "fault":
            self._end()
            raise UserError(text)
        self.signature = text

    def _end(self) -> None:
        self._connection.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # and what the reward started
        self._process.kill()
        self._process.join()


def _serve(connection: Connection, name: str, golds: Sequence[Gold], signature: str | None) -> None:
    """Load the reward, then answer calls until the other end is closed."""
    os.setsid()
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    try:
        kind, call = calling.load(name, golds, signature)
    except UserError as error:
        connection.send(("fault", str(error)))
        return
    except BaseException as error:
        connection.send(("fault", f"{name}: importing it raises {type(error).__name__}: {one_line(error)}"))
        return
    connection.send(("ready", kind))
    with contextlib.suppress(EOFError, OSError):
        while True:
            completion, gold, chat = connection.recv()
            connection.send(_called(call, completion, gold, chat))


def _called(call: calling.Call, completion: str, gold: Gold, chat: bool) -> tuple[float | None, str, str]:
    """The reward, why there is none, and what the user must mend first."""
    try:
        return call(completion, gold, chat), "", ""
    except UserError as error:
        return None, "", str(error)
    except BaseException as error:  # a reward may exit
        return None, f"raised {type(error).__name__}: {one_line(error):.120}", ""
