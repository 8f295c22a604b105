"""The code that names a run's work folder: all that it runs, and of the methods its own alone."""

import ast
from pathlib import Path

from counterpoint.methods import METHODS
from stages import code

ROOT = Path(__file__).parents[2]
TOLD = {  # parameters, which count by value; tables of records, progress and errors, which change no weight
    *(f"counterpoint/{name}.py" for name in (
        "__init__", "errors", "progress", "tables", "trace_sets", "typed", "validation_runs", "params/__init__",
        "params/checks", "params/grid", "params/schema", "params/training", "params/values",
    )),
    *(f"{name}/__init__.py" for name in ("counterpoint/methods", "counterpoint/statistics", "stages")),
    "stages/common.py", "stages/code.py",
}  # fmt: skip


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


def test_all_that_training_runs_counts():
    found, left = set(), {ROOT / "stages/training.py"}
    while left:
        found |= left
        of = [file for file in left if str(file.relative_to(ROOT)) not in TOLD]
        left = {other for file in of for other in imported(file)} - found
    counted = set(code.training(*METHODS.values()))
    assert {str(file.relative_to(ROOT)) for file in found - counted} <= TOLD
    assert len(found & counted) > 40


def test_of_the_methods_a_run_s_own_file_counts():
    names = {file.name for file in code.code(METHODS["chord"])}
    assert names == {"chord.py", "method.py"}
    every = code.training(METHODS["sft"], METHODS["sft_then_rl"])
    assert len(every) == len(set(every))
    assert {file.stem for file in every if file.parent.name == "methods"} == {"method", "sft", "sft_then_rl"}


def test_the_name_follows_from_what_stands_in_the_files_and_not_from_where_they_lie(tmp_path):
    names = []
    for folder, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").write_text(text)
        names.append(code.digest_of([tmp_path / folder / "x.py"]))
    assert names[0] == names[1] != names[2]
