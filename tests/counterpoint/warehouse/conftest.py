"""One small study, built once: tests that change files copy it."""

import os
import shutil
from pathlib import Path

import pytest

from stages import warehouse
from tests.fixtures_warehouse import write_fake_study


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    root, before = write_fake_study(tmp_path_factory.mktemp("study")), Path.cwd()
    os.chdir(root)
    try:
        warehouse.program([])
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def study(built, monkeypatch) -> Path:
    """The built study as the working directory; leave its files as they are."""
    monkeypatch.chdir(built)
    return built


@pytest.fixture
def copy(built, tmp_path, monkeypatch) -> Path:
    """A copy of the built study as the working directory."""
    root = tmp_path / "copy"
    shutil.copytree(built, root)
    monkeypatch.chdir(root)
    return root
