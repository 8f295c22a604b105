"""Which kind of log lies at a path, decided by what is in it, and its reader: one file a kind.

A reader brings numbers by step out of a file (`Logged`); what their names mean is for counterpoint.audit.dialects.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from counterpoint.audit import dialects, files
from counterpoint.audit.log import Logged, RunLog, Stated
from counterpoint.audit.readers import console, events, json_lines, sheet, state, study_run, trackio, wandb_run
from counterpoint.errors import UserError

WANTED = (
    "a TRL trainer_state.json, a console log of TRL, ms-swift, verl, EasyR1 or OpenRLHF, JSON lines, a CSV with step "
    "and reward, a run of Weights & Biases (*.wandb), TensorBoard events, a Trackio database, or a run of this study"
)


@dataclass(frozen=True)
class Kind:
    """Where in a folder logs of a kind may lie, whether a file is one, and how the files are read.

    places: patterns, those of one place apart by spaces; the first place with a log counts.
    """

    places: tuple[str, ...]
    fits: Callable[[Path], bool]
    read: Callable[[list[Path], Stated], Logged]
    joined: Callable[[list[Path]], bool] = lambda paths: False  # several files make one log


KINDS = (
    Kind(("*.jsonl",), json_lines.fits, lambda paths, stated: json_lines.read(paths[0])),
    Kind(("*.log *.txt *.out",), console.fits, lambda paths, stated: console.read(paths[0])),
    Kind(("*.csv *.tsv",), sheet.fits, sheet.read, sheet.joined),
    Kind(wandb_run.PLACES, wandb_run.fits, lambda paths, stated: wandb_run.read(paths[0])),
    Kind(events.PLACES, events.fits, lambda paths, stated: events.read(paths), events.joined),
    Kind(("*.db *.parquet",), trackio.fits, lambda paths, stated: trackio.read(paths[0])),
)


def read(
    path: Path,
    items: int | None = None,
    reward: str | None = None,
    accuracy: str | None = None,
    run: str | None = None,
) -> RunLog:
    """The log at `path`, a folder or a file. Where the user states them: `items`, the number of held-out problems, the
    names of the metrics that are `reward` and `accuracy`, and the one `run` of several that is meant.

    Raises `UserError` where nothing lies there, no log that is known, or several logs of one kind.
    """
    stated = Stated(items, reward, accuracy, run)
    try:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        if path.is_dir():
            if tables := study_run.tables_of(path):
                if reward or accuracy or run:
                    raise UserError(f"{path}: one run of this study; --reward, --accuracy and --run do not apply to it")
                return study_run.read(tables, items)
            logged = _in_folder(path, stated)
        else:
            logged = _in_file(path, stated)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
    if logged is None:
        raise UserError(f"{path}: no known log in it; wanted is {WANTED}")
    return dialects.understood(logged, stated)


def _in_file(path: Path, stated: Stated) -> Logged | None:
    if path.suffix == ".json":
        return state.read(path, path.parent)
    if path.suffix in sheet.SUFFIXES:
        return sheet.read([path], stated)  # and say which column is missing
    of_binary = [kind for kind in KINDS if kind.fits in (wandb_run.fits, events.fits, trackio.fits)]
    of_text = [kind for kind in KINDS if kind.fits is (json_lines.fits if path.suffix == ".jsonl" else console.fits)]
    kind = next((kind for kind in (*of_binary, *of_text) if kind.fits(path)), None)
    return kind.read([path], stated) if kind else None


def _in_folder(folder: Path, stated: Stated) -> Logged | None:
    if path := state.of_folder(folder):
        return state.read(path, folder)
    for kind, place in ((each, place) for each in KINDS for place in each.places):
        paths = [path for pattern in place.split() for path in files.inside(folder, pattern)]
        logs = [path for path in {os.path.realpath(path): path for path in paths}.values() if kind.fits(path)]
        if len(logs) > 1 and not kind.joined(logs):
            names = ", ".join(str(path.relative_to(folder)) for path in logs[:6])
            raise UserError(f"{folder}: several logs ({names}{', …' * (len(logs) > 6)}); name one of them")
        if logs:
            return kind.read(logs, stated)
    return None
