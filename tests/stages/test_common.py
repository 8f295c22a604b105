"""What every stage program shares: exit codes, one line for a user's mistake, where work lies."""

import gc
import sys
from pathlib import Path

import pytest

from counterpoint.errors import UserError
from stages import common


def outcome(monkeypatch, program, *arguments):
    monkeypatch.setattr(sys, "argv", ["stages.x", *arguments])
    try:
        common.main(program)
    except SystemExit as ended:
        return ended.code
    return 0


def test_a_program_gets_its_arguments_and_ends_with_zero(monkeypatch):
    seen = []
    assert outcome(monkeypatch, seen.extend, "a", "b") == 0
    assert seen == ["a", "b"]


def test_a_users_mistake_is_one_line_and_two(monkeypatch, capsys):
    def program(arguments):
        raise UserError("params.yaml: no run 'x'")

    assert outcome(monkeypatch, program) == 2
    assert capsys.readouterr().err == "error: params.yaml: no run 'x'\n"


def test_an_interruption_says_how_to_go_on(monkeypatch, capsys):
    def program(arguments):
        raise KeyboardInterrupt

    assert outcome(monkeypatch, program) == 130
    assert "same command goes on" in capsys.readouterr().err


def test_a_defect_keeps_its_traceback(monkeypatch):
    def program(arguments):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outcome(monkeypatch, program)


def test_work_lies_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("COUNTERPOINT_WORK", "/elsewhere")
    assert common.work_folder() == Path("/elsewhere")
    monkeypatch.delenv("COUNTERPOINT_WORK")
    assert common.work_folder() == Path("work")


def test_libraries_load_without_the_collector_which_is_back_afterwards():
    frozen = gc.get_freeze_count()
    with common.loading():
        assert not gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() > frozen
    with pytest.raises(UserError), common.loading():
        raise UserError("not a model")
    assert gc.isenabled()
