"""What every stage program shares: exit codes, one line for a user's mistake or a full disk, where work lies."""

import errno
import gc
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
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


def write_torch(path):
    import torch

    torch.save(torch.randn(100_000), path)


def write_safetensors(path):
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(100_000)}, path)


def write_duckdb(path):
    with duckdb.connect(str(path)) as db:
        db.execute("create table a as select random() from range(1000000)")


def write_sqlite(path):
    db = sqlite3.connect(path)
    db.execute(
        "create table a as with recursive n(i) as (select 1 union all select i + 1 from n limit 99999) select * from n"
    )


def write_store(path):
    """The evaluation's own store, which words what SQLite says."""
    from counterpoint.evaluation.store import Store
    from counterpoint.generation.completion import Completion

    Store(path).put([bytes(32)], [Completion("a" * 200_000, 1, False)])


def write_records(path):
    """The live records of a run that trains."""
    from counterpoint.training.records import Recorder

    Recorder(path, "sft-mini-16-0").add("steps", {"loss": "a" * 200_000})


WRITERS = {
    "text": lambda path: path.write_text("a" * 100_000),
    "parquet": lambda path: pq.write_table(pa.table({"a": [str(n) for n in range(100_000)]}), path),
    "copied parquet": lambda path: duckdb.sql(
        f"copy (select random() from range(1000000)) to '{path}' (format parquet)"
    ),
    "torch": write_torch,
    "safetensors": write_safetensors,
    "duckdb": write_duckdb,
    "sqlite": write_sqlite,
    "store": write_store,
    "records": write_records,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_line_with_the_remedy(monkeypatch, capsys, disk, writer):
    full = disk(64)
    assert outcome(monkeypatch, lambda _: WRITERS[writer](full / "file")) == 2
    said = capsys.readouterr().err
    assert (
        said.count("\n") == 1 and "no space left on its disk; free some" in said and "the same command goes on" in said
    )
    if "duckdb" in writer or "copied" in writer:
        assert said.startswith(f"error: {full / 'file'}: ")


def test_a_full_disk_is_told_where_none_can_be_mounted_too(monkeypatch, capsys):
    def program(arguments):
        with open("/dev/full", "w") as file:
            file.write("a")

    assert outcome(monkeypatch, program) == 2
    assert "no space left on its disk" in capsys.readouterr().err
    copied = OSError(errno.ENOSPC, "No space left on device", "from", None, "to")
    assert common.disk_full(copied).startswith("to: ")
    assert common.disk_full(OSError(errno.EACCES, "Permission denied", "x")) is None


def test_work_lies_where_the_environment_says_and_is_made_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERPOINT_WORK", str(tmp_path / "far" / "elsewhere"))
    assert common.work_folder() == tmp_path / "far" / "elsewhere" and (tmp_path / "far" / "elsewhere").is_dir()
    monkeypatch.setenv("COUNTERPOINT_WORK", "")
    assert common.work_folder() == Path("work")
    monkeypatch.delenv("COUNTERPOINT_WORK")
    assert common.work_folder() == Path("work") and Path("work").is_dir()


def test_a_work_folder_that_cannot_be_is_one_line(monkeypatch, tmp_path, capsys, disk):
    monkeypatch.chdir(tmp_path)
    Path("work").touch()
    Path("dangling").symlink_to("/nowhere/at/all")
    read_only = disk(64)
    subprocess.run(["mount", "-o", "remount,ro", read_only], check=True)
    for place in ("", "/dev/null/x", "/proc/nowhere", "dangling", str(read_only), f"{read_only}/more"):
        monkeypatch.setenv("COUNTERPOINT_WORK", place)
        assert outcome(monkeypatch, lambda _: common.generations()) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: {place or 'work'}: unfinished work is kept there, but it is no folder that")
        assert said.count("\n") == 1 and "COUNTERPOINT_WORK" in said


def test_a_place_that_may_not_be_written_is_one_line(monkeypatch, capsys, tmp_path, disk):
    (tmp_path / "file").touch()
    assert outcome(monkeypatch, lambda _: (tmp_path / "file" / "more").mkdir()) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'file' / 'more'}: Not a directory; make it a place")
    place = disk(64)
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    assert outcome(monkeypatch, lambda _: (place / "table").write_text("a")) == 2
    assert capsys.readouterr().err.startswith(f"error: {place / 'table'}: Read-only file system; make it a place")
    with pytest.raises(FileNotFoundError):  # a defect, or told elsewhere
        outcome(monkeypatch, lambda _: (tmp_path / "none").read_text())


def test_libraries_load_without_the_collector_which_is_back_afterwards():
    frozen = gc.get_freeze_count()
    with common.loading():
        assert not gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() > frozen
    with pytest.raises(UserError), common.loading():
        raise UserError("not a model")
    assert gc.isenabled()
