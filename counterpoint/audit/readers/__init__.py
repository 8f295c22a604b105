"""Which kind of log lies at a path, decided by what is in it, and its reader: one file a format."""

from __future__ import annotations

from pathlib import Path

from counterpoint.audit import files
from counterpoint.audit.log import RunLog
from counterpoint.audit.readers import csv_file, study_run, trl, verl
from counterpoint.errors import UserError

WANTED = "a TRL trainer_state.json, a verl or EasyR1 log, a CSV with step, reward and accuracy, or a run of this study"


def read(path: Path, items: int | None = None) -> RunLog:
    """The log at `path`, a folder or a file; `items` is the number of held-out problems where the user states it.

    Raises `UserError` where nothing lies there, no log that is known, or several logs of one kind.
    """
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        log = _read_folder(path, items) if path.is_dir() else _read_file(path, items)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    if log is None:
        raise UserError(f"{path}: no known log in it; wanted is {WANTED}")
    return log


def _read_file(path: Path, items: int | None) -> RunLog | None:
    if path.suffix == ".json":
        return trl.read(path.parent, path, items)
    if path.suffix in csv_file.SUFFIXES:
        return csv_file.read(path, items)  # and say which column is missing
    fits = verl.is_json_lines if path.suffix == ".jsonl" else verl.is_console
    return verl.read(path, items) if fits(path) else None


def _read_folder(folder: Path, items: int | None) -> RunLog | None:
    if tables := study_run.tables_of(folder):
        return study_run.read(tables, items)
    if state := trl.state_of(folder):
        return trl.read(folder, state, items)
    for suffixes, fits, read_log in (
        ((".jsonl",), verl.is_json_lines, verl.read),
        ((".log", ".txt", ".out"), verl.is_console, verl.read),
        (csv_file.SUFFIXES, csv_file.has_steps, csv_file.read),
    ):
        logs = [path for suffix in suffixes for path in files.inside(folder, f"*{suffix}") if fits(path)]
        if len(logs) > 1:
            raise UserError(f"{folder}: several logs ({', '.join(path.name for path in logs)}); name one of them")
        if logs:
            return read_log(logs[0], items)
    return None
