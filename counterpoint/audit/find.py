"""Which kind of log lies at a path, decided by what is in it, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from counterpoint.audit import files, own, sheet, trl, verl
from counterpoint.audit.log import Log
from counterpoint.errors import UserError

TEXT = (".log", ".txt", ".out")
KNOWN = "a TRL trainer_state.json, a verl or EasyR1 log, a CSV with step, reward and accuracy, or a run of this study"


def read(path: Path, items: int | None = None) -> Log:
    """The log at `path`, a folder or a file; `items` is the number of held-out problems where the user states it.

    Raises `UserError` where nothing lies there, nothing known is found, or several logs of one kind are.
    """
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        reader = _of_folder(path) if path.is_dir() else _of_file(path)
        if reader is None:
            raise UserError(f"{path}: no known log in it; wanted is {KNOWN}")
        return reader(items)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None


def _of_file(path: Path) -> Callable[[int | None], Log] | None:
    if path.suffix == ".json":
        return partial(trl.read, path.parent, path)
    if path.suffix == ".jsonl":
        return partial(verl.read, path) if verl.is_json_lines(path) else None
    if path.suffix in (".csv", ".tsv"):
        return partial(sheet.read, path)
    return partial(verl.read, path) if verl.is_console(path) else None


def _of_folder(folder: Path) -> Callable[[int | None], Log] | None:
    if records := own.records(folder):
        return partial(own.read, records)
    if state := trl.state_of(folder):
        return partial(trl.read, folder, state)
    for suffixes, fits in (
        ((".jsonl",), verl.is_json_lines),
        (TEXT, verl.is_console),
        ((".csv", ".tsv"), sheet.is_sheet),
    ):
        found = [path for suffix in suffixes for path in files.inside(folder, f"*{suffix}") if fits(path)]
        if len(found) > 1:
            raise UserError(f"{folder}: several logs ({', '.join(path.name for path in found)}); name one of them")
        if found:
            return _of_file(found[0])
    return None
