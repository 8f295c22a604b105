"""The study that is killed, made once, and what an undisturbed run of it makes."""

import shutil
import time
from pathlib import Path

import killing
import pytest


@pytest.fixture(scope="session")
def ready(tmp_path_factory) -> Path:
    """The study with all before its RL run up to date."""
    folder = killing.make_study(tmp_path_factory.mktemp("ready") / "study")
    with killing.Server(folder):  # its database is made once
        return folder


@pytest.fixture(scope="session")
def undisturbed(ready, tmp_path_factory) -> tuple[dict[str, str], float]:
    """The digests of what an undisturbed run makes, and the seconds that it takes."""
    whole = shutil.copytree(ready, tmp_path_factory.mktemp("whole") / "study", symlinks=True)
    began = time.monotonic()
    killing.command(whole, *killing.MAKE)
    return killing.results(whole), time.monotonic() - began


@pytest.fixture
def wanted(undisturbed) -> dict[str, str]:
    return undisturbed[0]


@pytest.fixture
def folder(ready, tmp_path):
    """A copy of it of a test's own, in which nothing lives afterwards."""
    yield shutil.copytree(ready, tmp_path / "study", symlinks=True)
    killing.kill_all(tmp_path / "study")
