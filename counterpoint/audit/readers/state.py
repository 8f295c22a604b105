"""A TRL output folder: `trainer_state.json`, its own or the last checkpoint's."""

from __future__ import annotations

from pathlib import Path

from counterpoint.audit import files, series
from counterpoint.audit.log import Logged
from counterpoint.errors import UserError

NAME = "trainer_state.json"


def of_folder(folder: Path) -> Path | None:
    """The trainer's state in `folder`, else that of its last checkpoint; None where there is none."""
    if states := files.inside(folder, NAME):
        return states[0]
    steps = {path: path.parent.name.split("-")[-1] for path in files.inside(folder, f"checkpoint-*/{NAME}")}
    saved = {path: int(step) for path, step in steps.items() if step.isdecimal()}
    return max(saved, key=saved.get, default=None)


def read(path: Path, folder: Path) -> Logged:
    """The state's history; `folder` is the run's. Raises `UserError` for a file that holds none."""
    try:
        history = files.whole(path)["log_history"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a trainer state ({type(error).__name__}: {error})") from None
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise UserError(f"{path}: its log_history is no list of entries")
    rows = (
        (f"entry {number}", entry.get("step"), {name: value for name, value in entry.items() if name != "step"})
        for number, entry in enumerate(history)
    )
    return Logged("TRL output folder", path, {"": series.collect(path, rows)}, folder)
