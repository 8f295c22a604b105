"""Made-up studies for the report's tests, written once per session."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib.figure import Figure

from counterpoint.report import read


def _made_up():
    spec = importlib.util.spec_from_file_location("report_study", Path(__file__).with_name("study.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def study():
    """The module that writes made-up studies."""
    return _made_up()


@pytest.fixture(scope="session")
def full(tmp_path_factory, study):
    """The default grid: folder, tables, problems and what was read from them."""
    folder = tmp_path_factory.mktemp("full")
    tables = study.write(folder)
    return SimpleNamespace(
        folder=folder, tables=tables, problems=folder / "problems.parquet", results=read.load(tables, "fake")
    )


@pytest.fixture(scope="session")
def seeds(tmp_path_factory, study):
    """Two models, three seeds, every suite: as `full`."""
    from counterpoint.suites import OWN

    folder = tmp_path_factory.mktemp("seeds")
    grid = [row for row in study.SEEDS if row["model"] != "small_early" and row["arm"] not in ("sft_long", "sft_lora")]
    tables = study.write(folder, grid, items=24, blind_wins=False, names=tuple(OWN))
    return SimpleNamespace(
        folder=folder, tables=tables, problems=folder / "problems.parquet", results=read.load(tables, "fake")
    )


@pytest.fixture(scope="session")
def planted(tmp_path_factory, study):
    """Two seeds of an honest arm and of each planted one: as `full`."""
    folder = tmp_path_factory.mktemp("planted")
    tables = study.write(folder, study.PLANTED, items=24, blind_wins=False)
    return SimpleNamespace(folder=folder, tables=tables, results=read.load(tables, "fake"))


@pytest.fixture
def figures(monkeypatch) -> list[Figure]:
    """The figures that are drawn, instead of files."""
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    return drawn


@pytest.fixture(scope="session")
def small_studies(tmp_path_factory, study):
    """Grids that are not the default one, by name: their tables, and what was read from them."""
    run = study.run
    grids = {
        "one model": [run("base", "small"), run("sft", "small", "100"), run("rl", "small", "2k")],
        "no rl": [run("base", "small"), run("sft", "small", "100")],
        "bases only": [run("base", "small")],
        "two seeds": [run("base", "tiny")] + [run(a, "tiny", "2k", s) for a in ("sft", "rl") for s in (0, 1)],
        "one problem": [run("base", "big"), run("sft", "big", "2k"), run("rl", "big", "20k")],
    }
    studies = {}
    for name, grid in grids.items():
        tables = study.write(
            tmp_path_factory.mktemp("grid"), grid, items=1 if name == "one problem" else 40, blind_wins=False
        )
        studies[name] = SimpleNamespace(tables=tables, results=read.load(tables, "fake"))
    return studies


@pytest.fixture(scope="session")
def small_grids(small_studies):
    """What was read from the small studies."""
    return {name: made.results for name, made in small_studies.items()}
