"""What dvc.yaml says that a stage depends on is the code that its program imports, nothing missing, nothing too many.

The files of a registry's room count only where a run names them: what they hold is looked up by a name in params.yaml.
"""

import ast
from pathlib import Path

import pytest

from counterpoint.methods import METHODS
from counterpoint.params import grid
from stages import code

ROOT = Path(__file__).parents[2]
KINDS = ("plant", "competence", "problems", "sample", "distill", "train", "evaluate", "warehouse", "report")
# parameters, which count by value; registries, of which what is used counts; records, messages and errors, which change
# no result
TOLD = {
    *(f"counterpoint/{name}.py" for name in (
        "__init__", "columns", "errors", "files", "progress", "running", "supervise",
    )),
    *(f"counterpoint/params/{name}.py" for name in (
        "__init__", "changes", "checks", "compose", "describe", "grid", "schema", "training", "typed",
    )),
    *(f"counterpoint/{room}/__init__.py" for room in ("methods", "rewards", "sources", "statistics", "suites")),
    *(f"stages/{name}.py" for name in (
        "__init__", "code", "common", "dvc_patches", "publish", "record", "shipped", "study_results", "warehouse",
    )),
}  # fmt: skip
TABLES = "counterpoint/tables.py"  # every stage writes by it; its columns are the warehouse's to hold
NAMES = {"method": "sft"} | grid.rewards(()) | grid.probed(())


def imported(file: Path) -> set[Path]:
    """The modules of this repository that a file names, at its head or later."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    places = (ROOT / name.replace(".", "/") for name in names if name.startswith(("counterpoint", "stages")))
    return {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()}


def closure(stage: str, told: set[str] = TOLD) -> set[str]:
    """The files that a stage's program comes to import, without those in `told` and what only these import."""
    found, left = set(), {ROOT / f"stages/{stage}.py"}
    while left:
        found |= left
        left = {other for file in left for other in imported(file) if named(other) not in told} - found
    return {named(file) for file in found}


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("stage", KINDS)
def test_all_that_a_stage_imports_counts(stage):
    missing = closure(stage) - {named(file) for file in code.of(stage, NAMES)} - {TABLES}
    assert not missing


@pytest.mark.parametrize("stage", KINDS)
def test_no_stage_depends_on_code_that_it_does_not_import(stage):
    reached = closure(stage, set())
    for dep in code.listed(stage):
        place = ROOT / dep
        files = {named(file) for file in place.rglob("*.py")} if place.is_dir() else {dep}
        assert "${" in dep or files & reached, dep


def test_no_stage_depends_on_where_training_reports_to():
    assert "report_to" not in (ROOT / "dvc.yaml").read_text(encoding="utf-8")


def test_the_sizes_of_these_sets_are_no_accident():
    assert len(closure("train")) > 40 and len(closure("warehouse")) > 20


@pytest.mark.parametrize("method", METHODS)
def test_of_the_methods_and_terms_a_run_s_own_files_count(method):
    names = {"method": method} | grid.rewards(["accuracy", "length"]) | grid.probed(["text_twin", "in_domain"])
    files = code.of("train", names)
    assert len(files) == len(set(files))
    rooms = {
        room: {file.stem for file in files if file.parent.name == room} for room in ("methods", "rewards", "suites")
    }
    assert rooms == {
        "methods": {"method", method},
        "rewards": {"term", "accuracy", "length"},
        "suites": {"suite", "views", "text_twin", "in_domain"},
    }


def test_a_method_imports_nothing_that_would_not_count():
    counted = {named(file) for file in code.of("train", NAMES)}
    for name in METHODS:
        of_method = {named(file) for file in imported(ROOT / f"counterpoint/methods/{name}.py")} - TOLD
        assert of_method <= counted, name


def test_the_name_follows_from_what_stands_in_the_files_and_not_from_where_they_lie(tmp_path):
    names = []
    for folder, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").write_text(text)
        names.append(code.digest_of([tmp_path / folder / "x.py"]))
    assert names[0] == names[1] != names[2]
