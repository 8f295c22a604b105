"""Processes that must end, and a DVC repository to try the flow on."""

import subprocess
import time
from collections.abc import Callable

import pytest

from tests.toy_repository import toy  # noqa: F401


def alive(pid: int) -> bool:
    """Whether the process is there, a zombie that nobody collects counted as gone."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


@pytest.fixture
def gone() -> Callable[..., bool]:
    """Tells whether all the processes end within so many seconds."""

    def all_gone(pids: list[int], within: float = 15.0) -> bool:
        deadline = time.monotonic() + within
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return not any(map(alive, pids))

    return all_gone
