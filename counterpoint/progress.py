"""Progress of long work: a bar with rate and time left in a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

log = logging.getLogger("progress")
Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 15.0


def track(iterable: Iterable[Item], total: int | None = None, label: str = "") -> Iterator[Item]:
    """Yield the items and show progress. `total` defaults to the iterable's length, where it has one.

    In a terminal (stderr) a bar; otherwise log lines at level INFO, at most one every 15 s, none for short work.
    """
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(iterable, total=total, desc=label, leave=False, mininterval=0.5)
        return
    start = last_line = time.monotonic()
    for done, item in enumerate(iterable):
        now = time.monotonic()
        if done and now - last_line >= SECONDS_BETWEEN_LINES:
            last_line = now
            rate = done / (now - start)
            left = f" of {total}, {timedelta(seconds=round((total - done) / rate))} left" if total else ""
            log.info("%s: %d%s (%.3g/s)", label, done, left, rate)
        yield item
