"""What a user gives to make reaches a program as one argument, to the letter, and no shell, nor make, as code."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = """\
#!/bin/bash
for word in "$@"; do printf '%s\\0' "$word" >> arguments; done
"""
# the variables that each target passes on, and those with which alone it passes them
TAKEN = {
    "study": ["STUDY", "SET", "JOBS"],
    "study PLAN=1": ["STUDY", "SET"],
    "quick": ["SET", "JOBS"],
    "base": ["BASES"],
    "test": ["JOBS"],
    "query": ["Q", "STUDY"],
    "findings": ["STUDY"],
    "publish": ["STUDY"],
    "report": ["STUDY"],
    "tune": ["STUDY", "SET", "ARMS", "TRIALS", "MODEL", "SAMPLE", "JOBS"],
    "watch": ["EVERY"],
    "audit": ["RUN", "REWARD", "ACCURACY", "ITEMS"],
    "server": ["LISTEN", "PORT"],
    "serve": ["STUDY", "CRON", "TIMEZONE", "SET"],
}
HOSTILE = [
    "$(shell touch x)",
    "$$(touch x)",
    "`touch x`",
    'x"; touch x; "',
    "x'; touch x; '",
    "kill; touch x",
    "1 ; touch x",
    "a && touch x",
    "a | touch x",
    "$(touch x)",
    "${Q:-$(touch x)}",
    "x\ntouch x",
    "* $HOME \\ #",
]


@pytest.fixture
def place(tmp_path):
    """A folder with the Makefile and programs that note their arguments."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    for name in ("python", "dvc", "git"):
        program = tmp_path / ".venv/bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(PROGRAM)
        program.chmod(0o755)
    (tmp_path / ".venv/ready").touch()
    return tmp_path


def arguments(place: Path, *words: str, **environment: str) -> list[str]:
    """The arguments that the programs got of `make WORDS`."""
    (place / "arguments").unlink(missing_ok=True)
    clean = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    subprocess.run(["make", *words], cwd=place, env={**clean, **environment}, capture_output=True, check=True)
    return (place / "arguments").read_text().split("\0")[:-1]


@pytest.mark.parametrize("target", TAKEN)
def test_nothing_is_run_that_stands_in_a_variable(place, target):
    before = sorted(os.listdir(place))
    for number, value in enumerate(HOSTILE):
        for variable in TAKEN[target][number % len(TAKEN[target]) :: 3]:
            given = f"{variable}={value}"
            found = arguments(place, *target.split(), given)
            assert value in found, (given, found)
            assert value in arguments(place, *target.split(), **{variable: value}), given
    assert sorted({*os.listdir(place)} - {"arguments"}) == before


def test_every_hostile_value_in_every_target_that_takes_several(place):
    before = sorted(os.listdir(place))
    for value in HOSTILE:
        for target in ("study", "query", "audit"):
            found = arguments(place, target, *(f"{variable}={value}" for variable in TAKEN[target]))
            assert found.count(value) == len(TAKEN[target])
    for variable in ("PLAN", "ALL", "PYTHON"):
        arguments(place, "findings", f"{variable}=$(shell touch x)`touch x`; touch x")
    assert sorted({*os.listdir(place)} - {"arguments"}) == before


def test_a_dollar_of_a_question_arrives(place):
    question = "select regexp_matches(run_id, 'b$'), '$$', $1 from \"runs\" where 'a' like '%\\'"
    assert arguments(place, "query", f"Q={question}") == ["-m", "stages.query", question]


def test_a_variable_that_is_not_given_is_no_argument(place):
    assert arguments(place, "query") == ["-m", "stages.query", ""]
    assert arguments(place, "study") == ["-m", "flows.parallel", "--study", "default", "--", ""]
    assert arguments(place, "quick", "SET=rl.epochs=2") == [
        "-m", "flows.parallel", "--study", "quick", "--", "rl.epochs=2",
    ]  # fmt: skip
    assert arguments(place, "watch") == ["-m", "flows.watch", "--once"]
    assert arguments(place, "serve", "STUDY=quick", "CRON=0 2 * * *") == [
        "-m", "flows.serve", "--study", "quick", "--cron", "0 2 * * *", "--", "",
    ]  # fmt: skip
