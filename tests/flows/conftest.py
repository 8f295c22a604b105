"""A DVC repository of a few shell lines, with the real parameters, to try the flow on."""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.repo import Repo

from counterpoint.params import compose

ROOT = Path(__file__).resolve().parents[2]

# Written backwards: the order must come from the dependencies.
GRAPH = """\
stages:
  report:
    cmd: cat out/*.txt > report.txt
    deps:
      - out/one.txt
      - out/two.txt
    outs:
      - report.txt
  train:
    foreach: {one: 1, two: 2}
    do:
      cmd: mkdir -p out && cp data.txt out/${key}.txt && echo step ${item}
      deps:
        - data.txt
      outs:
        - out/${key}.txt
  data:
    cmd: echo hello > data.txt
    deps:
      - source.txt
    params:
      - rl.learning_rate
    outs:
      - data.txt
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Root of a fresh DVC repository, which is also the working directory."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    Repo.init(".").close()
    shutil.copytree(ROOT / "studies", "studies")
    compose.write("default", [])
    (tmp_path / "source.txt").write_text("1")
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    return tmp_path


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
