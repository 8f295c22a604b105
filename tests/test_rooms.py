"""The order of the rooms: what may import what, no circle of imports, no file too long to be read in one sitting."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# a room or a file of counterpoint/ imports from those above it alone, and from its own
ROOMS = (
    "errors", "progress", "files", "columns", "tables", "running", "schedule", "supervise", "problem", "prompt",
    "sampling", "statistics", "verify", "rewards", "suites", "sources", "methods", "params", "models", "generation",
    "analysis", "training", "evaluation", "distill", "tuning", "warehouse", "report", "audit", "lint", "hub",
    "cli",
)  # fmt: skip
PROGRAMS = ("counterpoint", "stages", "flows")  # each imports from those before it
LONGEST = 300


def modules() -> dict[str, Path]:
    """The module name and file of all code that is not tests or benchmarks."""
    files = (file for program in PROGRAMS for file in (ROOT / program).rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


MODULES = modules()


def imported(name: str) -> Iterator[str]:
    """The modules of this project that a module imports, at its head or in a function.

    It is a package where a name is taken from it that is no module.
    """
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [other if other in MODULES else node.module for other in full]
        else:
            continue
        yield from (other for other in names if other in MODULES and other != name)


def rank(name: str) -> tuple[int, int]:
    """Where a module stands in the order; the package `counterpoint` itself stands first."""
    program, _, rest = name.partition(".")
    room = rest.partition(".")[0]
    within = ROOMS.index(room) if program == "counterpoint" and room else -1
    return PROGRAMS.index(program), within


@pytest.mark.parametrize("name", MODULES)
def test_a_room_imports_from_those_above_it_alone(name):
    wrong = [other for other in imported(name) if rank(other) > rank(name)]
    assert not wrong, f"{name} imports {', '.join(wrong)}"


def test_every_room_stands_in_the_order_and_no_other_does():
    rooms = {name.split(".")[1] for name in MODULES if name.startswith("counterpoint.")}
    assert rooms == set(ROOMS)


def test_there_is_no_circle_of_imports():
    try:
        order = list(TopologicalSorter({name: set(imported(name)) for name in MODULES}).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
    assert len(order) == len(MODULES) > 100


@pytest.mark.parametrize("name", MODULES)
def test_a_file_can_be_read_in_one_sitting(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= LONGEST
