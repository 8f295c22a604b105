"""Run tasks that need each other, several at a time: the one loop behind a study, a flow and a tuning.

Of the tasks that can start, the one at the head of the longest chain of waiting tasks goes first (critical path).
"""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from counterpoint.errors import UserError

WAKE = 0.5  # seconds; a signal that the system hands to another thread is only heard when the main thread next wakes
UNCHANGED = "unchanged"  # the outcome of a task that need not run
Skippable = Callable[[Collection[str], Collection[str]], Iterable[str]]
Tell = Callable[[str, str], object]


class Future(Protocol):
    """What stands for a task at work: `concurrent.futures.Future`, or Prefect's."""

    def add_done_callback(self, call: Callable[[Any], object]) -> None: ...

    def result(self) -> str: ...


@dataclass
class Progress:
    """How far the tasks have come.

    needs: every task with those that must be done before it, in topological order.
    done: the outcome of each task that ended well, in the order of their ends.
    failed: the error of each that did not.
    seconds: from start to end, of each task that ran.
    running: the tasks at work.
    """

    needs: Mapping[str, Collection[str]]
    done: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    running: dict[str, Future] = field(default_factory=dict)


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def jobs_from(text: str | None, threads: int) -> int:
    """How many tasks may run at a time: what `--jobs` says, or as many as there are cores for. Raises `UserError`.

    threads: cores that a task uses.
    """
    if text is None:
        return max(1, usable_cores() // threads)
    if not re.fullmatch(r"0*[1-9][0-9]{0,3}", text):
        raise UserError(f"--jobs: {text!r} is not a whole number from 1 up; leave it out to use all cores")
    return int(text)


def remaining(needs: Mapping[str, Collection[str]], weights: Mapping[str, float]) -> dict[str, float]:
    """For each task the seconds from its start to the end of the longest chain of tasks that wait for it.

    needs: every task with those that it needs, in topological order. weights: seconds by task, 1 where none are given.
    """
    longest: dict[str, float] = {}
    after: dict[str, float] = collections.defaultdict(float)
    for name in reversed(needs):
        longest[name] = weights.get(name, 1.0) + after[name]
        for needed in needs[name]:
            after[needed] = max(after[needed], longest[name])
    return longest


def startable(
    needs: Mapping[str, Collection[str]],
    longest: Mapping[str, float],
    done: Collection[str],
    running: Collection[str],
) -> list[str]:
    """Tasks that are neither done nor running and whose needs are done, the one with the longest chain first."""
    ready = [name for name in needs if name not in done and name not in running and set(needs[name]) <= set(done)]
    return sorted(ready, key=longest.__getitem__, reverse=True)


def skip(progress: Progress, skippable: Skippable, tell: Tell) -> None:
    """Note the tasks that need not run as done."""
    for name in skippable(progress.done, progress.running):
        progress.done[name] = UNCHANGED
        tell(name, UNCHANGED)


def run(
    progress: Progress,
    run_one: Callable[[str], Future],
    jobs: int,
    stop: Callable[[], object],
    *,
    weights: Mapping[str, float] = {},
    skippable: Skippable = lambda done, running: (),
    failures: tuple[type[Exception], ...] = (),
    tell: Tell = lambda name, event: None,
) -> None:
    """Bring all tasks to their ends, up to `jobs` at a time.

    progress: what is done already; kept up to date.
    run_one: starts a task; the future's result is the task's outcome.
    stop: ends whatever `run_one` has started; called before an exception goes on.
    weights: expected seconds by task.
    skippable: given the tasks done and running, names those that need not run; asked whenever a task is done.
    failures: errors of a task after which none starts, but those at work go on to their ends. Any other is raised.
    tell: called with the name of a task and `starts`, its outcome, or `failed`.
    """
    longest = remaining(progress.needs, weights)
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    started: dict[str, float] = {}
    try:
        while True:
            if not progress.failed:
                skip(progress, skippable, tell)
                room = max(0, jobs - len(progress.running))
                for name in startable(progress.needs, longest, progress.done, progress.running)[:room]:
                    tell(name, "starts")
                    started[name] = time.monotonic()
                    progress.running[name] = run_one(name)
                    progress.running[name].add_done_callback(lambda _, name=name: ended.put(name))
            if not progress.running:
                return
            name = _next(ended)
            future = progress.running.pop(name)
            progress.seconds[name] = time.monotonic() - started[name]
            try:
                progress.done[name] = future.result()
            except failures as error:
                progress.failed[name] = error
            tell(name, progress.done.get(name, "failed"))
    except BaseException:
        stop()
        raise


def _next(ended: queue.SimpleQueue[str]) -> str:
    """The next of the queue; the main thread wakes now and then, so that it handles signals."""
    while True:
        with contextlib.suppress(queue.Empty):
            return ended.get(timeout=WAKE)
