"""A DVC repository of a few shell lines, with the real parameters."""

import shutil
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from counterpoint.params import compose

ROOT = Path(__file__).resolve().parents[1]

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
