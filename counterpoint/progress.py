"""Progress of long work: a bar with rate and time left in a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

log = logging.getLogger("progress")
Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 15.0


def _clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def track(iterable: Iterable[Item], total: int | None = None, label: str = "") -> Iterator[Item]:
    """Yield the items while telling how far it is. `total` defaults to the iterable's length, where it has one.

    In a terminal (stderr) a bar; otherwise log lines at level INFO, at most one every 15 s, so short work says nothing.
    """
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(iterable, total=total, desc=label, leave=False, mininterval=0.5)
        return
    start = told = time.monotonic()
    for done, item in enumerate(iterable):
        now = time.monotonic()
        if done and now - told >= SECONDS_BETWEEN_LINES:
            told = now
            rate = done / (now - start)
            left = f" of {total}, {_clock((total - done) / rate)} left" if total else ""
            log.info("%s: %d%s (%.3g/s)", label, done, left, rate)
        yield item
