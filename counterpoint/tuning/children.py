"""Chains of programs side by side, a process a program: a chain is a generator that is sent each one's exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import counterpoint

ROOT = Path(counterpoint.__file__).resolve().parents[1]
GRACE = 60.0  # seconds that a program has to finish its step and save
POLL = 0.1


@dataclass(frozen=True)
class Command:
    """`python -m module *arguments` in `folder`, its output appended to `log`."""

    module: str
    arguments: tuple[str, ...]
    folder: Path
    log: Path


Chain = Generator[Command, int, None]


@dataclass(frozen=True)
class Task:
    """`begin` makes its chain, once the tasks that it `needs` have ended."""

    begin: Callable[[], Chain]
    needs: frozenset[str] = frozenset()


def start(command: Command) -> subprocess.Popen:
    """The program as a process of its own session, which ends when this process does."""
    work = {"COUNTERPOINT_WORK": "work", "PYTHONPATH": str(ROOT)}  # its own, in its folder
    with command.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "counterpoint.tuning.mortal", command.module, *command.arguments],
            cwd=command.folder,
            env={**os.environ, **work},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def stop(processes: Collection[subprocess.Popen]) -> None:
    """Return when they are gone: told to end, `GRACE` seconds, SIGKILL."""
    for process in processes:
        process.stdin.close()
    for process in processes:
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run(tasks: Mapping[str, Task], jobs: int) -> None:
    """Run all chains to their ends, up to `jobs` programs at a time; of those that could begin, the first does.

    Whatever exception ends this, a chain's own too, no program is alive when it goes on.
    """
    chains: dict[str, Chain] = {}
    running: dict[str, subprocess.Popen] = {}
    ended: set[str] = set()

    def go_on(name: str, code: int | None) -> None:
        try:
            running[name] = start(chains[name].send(code))
        except StopIteration:
            ended.add(name)

    try:
        while len(ended) < len(tasks):
            for name, process in list(running.items()):
                code = process.poll()
                if code is not None:
                    del running[name]
                    go_on(name, code)
            for name, task in tasks.items():
                if len(running) < jobs and name not in chains and task.needs <= ended:
                    chains[name] = task.begin()
                    go_on(name, None)
            if running:
                time.sleep(POLL)
    finally:
        stop(running.values())
        for chain in chains.values():
            chain.close()
