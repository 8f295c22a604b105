"""The wheel: what is in it, and that it works without the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from pathlib import Path

import pytest

DATA = ("py.typed", "*.sql", "*.json", "*.yaml", "*.jinja", "*.j2", "*.html")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*words, cwd, **options):
    """A command's standard output. Raises where it fails."""
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, env=ENVIRONMENT, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """The wheel, built from a copy of what it is built from."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder)
    shutil.copytree(root / "counterpoint", folder / "counterpoint", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "dist", ".",
        cwd=folder)  # fmt: skip
    (path,) = (folder / "dist").glob("counterpoint-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The `bin` of a fresh environment with the wheel in it; what the wheel depends on is that of these tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    site = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (site / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet", "--no-deps", "--no-index",
        wheel, cwd=folder)  # fmt: skip
    return folder / "bin"


def test_the_wheel_holds_every_file_of_the_package(root, wheel):
    package = root / "counterpoint"
    wanted = {path.relative_to(root).as_posix() for pattern in ("*.py", *DATA) for path in package.rglob(pattern)}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == wanted
    others = {path.suffix for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert others == {".py", ".typed", ".sql", ".json", ".yaml", ".jinja"} | others & {".j2", ".html"}


def test_the_package_is_imported_from_the_wheel(installed, tmp_path):
    code = "import counterpoint; print(counterpoint.__file__, counterpoint.__version__)"
    path, version = run(installed / "python", "-c", code, cwd=tmp_path).split()
    assert Path(path).is_relative_to(installed.parent)
    assert run(installed / "counterpoint", "--version", cwd=tmp_path) == f"counterpoint {version}\n"


def test_commands_run_from_the_wheel(root, installed, tmp_path):
    shutil.copytree(root / "tests/fixtures/audit", tmp_path / "logs")
    shown = run(installed / "counterpoint", "audit", "logs/trl_hacked", cwd=tmp_path)
    assert "deceptive: the reward does not show what held-out accuracy did" in shown
    assert {path.name for path in (tmp_path / "audit-trl_hacked").iterdir()} == {"audit.html", "audit.png"}
    tables = root / "metrics/published/published"
    assert "in_domain" in run(installed / "counterpoint", "query", "accuracy", "--tables", tables, cwd=tmp_path)
    assert "INCONCLUSIVE" in run(installed / "counterpoint", "findings", "--tables", tables, cwd=tmp_path)


def test_examples_of_engine_and_callbacks_run_from_the_wheel(root, installed, tmp_path):
    """As their pages print them, the callbacks' on stock TRL; in one process, which imports once."""
    (tmp_path / "data/models/base").mkdir(parents=True)
    shutil.copytree(root / "data/models/base/tiny", tmp_path / "data/models/base/tiny")
    for page in ("engine", "audit"):
        text = (root / f"docs/{page}.md").read_text(encoding="utf-8")
        (tmp_path / f"{page}.py").write_text(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1])
    code = "import runpy; runpy.run_path('engine.py'); print('---'); runpy.run_path('audit.py')"
    engine, callbacks = run(installed / "python", "-c", code, cwd=tmp_path).split("---")
    assert engine.splitlines()[-1] == "None"
    assert callbacks.splitlines()[-1] == "[8, 8, 8]"
    assert (tmp_path / "live/assessment.json").exists()


@pytest.mark.slow
def test_the_wheel_is_installed_whole_into_an_empty_environment(root, wheel, tmp_path):
    """Every dependency is resolved anew from the package index; it takes minutes and needs a network."""
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh/bin/python"
    run(python, "-m", "pip", "install", "--quiet", "--constraint", root / "requirements.lock", wheel, cwd=tmp_path)
    shutil.copytree(root / "tests/fixtures/audit", tmp_path / "logs")
    assert "deceptive" in run(python.with_name("counterpoint"), "audit", "logs/trl_hacked", cwd=tmp_path)
    start = time.perf_counter()
    run(python.with_name("counterpoint"), "--help", cwd=tmp_path)
    assert time.perf_counter() - start < 0.5
    for imported in ("training import SharedPrefixGRPOTrainer", "audit import HeldOutAccuracy, TruthCallback"):
        run(python, "-c", f"from counterpoint.{imported}", cwd=tmp_path)
