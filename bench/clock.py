"""Times a training step from the end of one optimizer step to the end of the next, loading of data included."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Seconds of each step and, within it, of its phases `generate` and `loss` (forward and backward).

    A first step longer than `limit` seconds ends the measurement: `too_slow` then holds its seconds.
    """

    def __init__(self, limit: float | None = None):
        self.steps: list[float] = []
        self.phases: list[dict[str, float]] = []
        self.too_slow: float | None = None
        self._limit, self._now = limit, {}
        self._began = time.perf_counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add what runs inside to the phase's seconds in this step."""
        began = _synchronised()
        yield
        self._now[name] = self._now.get(name, 0.0) + _synchronised() - began

    def wrap(self, name: str, function):
        """`function`, its calls added to the phase."""

        def timed(*arguments, **named):
            with self.phase(name):
                return function(*arguments, **named)

        return timed

    def step_ended(self) -> bool:
        """Note the end of a step; True when the measurement should stop."""
        now = _synchronised()
        self.steps.append(now - self._began)
        self.phases.append(self._now)
        self._began, self._now = now, {}
        if self._limit is not None and len(self.steps) == 1 and self.steps[0] > self._limit:
            self.too_slow = self.steps[0]
        return self.too_slow is not None


def _synchronised() -> float:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()
