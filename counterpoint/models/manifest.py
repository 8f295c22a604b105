"""The checkpoints of a work folder, and which of them are as they were written.

A checkpoint is a folder `checkpoint-STEP`. Its manifest, a JSON file that is written last, holds the digest of every
other file, whatever else its writer wants to find unchanged, and a digest of itself: without it a checkpoint was never
finished, and with it every change is seen. Other files and folders are ignored.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from counterpoint.errors import UserError
from counterpoint.files import replace
from counterpoint.problem import digest

log = logging.getLogger(__name__)
NAME = "manifest.json"
KEPT = 2  # checkpoints: the newest may turn out to be broken


class Broken(Exception):
    """A file is not as it was when a checkpoint was written; the text names it and says what is wrong with it."""


def step(checkpoint: Path) -> int:
    """The optimizer steps that were done when it was written."""
    return int(checkpoint.name.rpartition("-")[2])


def checkpoints(work: Path) -> list[Path]:
    """The folders of checkpoints, whole or not, the newest first."""
    named = [path for path in work.glob("checkpoint-*") if re.fullmatch("checkpoint-(0|[1-9][0-9]*)", path.name)]
    return sorted((path for path in named if path.is_dir() and not path.is_symlink()), key=step, reverse=True)


def check_room(work: Path, steps: Iterable[int]) -> None:
    """Raise `UserError` where something that is no folder has the name of a checkpoint after one of the steps."""
    for path in (work / f"checkpoint-{number}" for number in steps):
        if os.path.lexists(path) and not path.is_dir():
            raise UserError(f"{path}: a checkpoint is to be written there, but it is no folder; move it away")


def file_digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(folder: Path, files: dict[str, str]) -> None:
    """Raise `Broken` unless the folder has these files (name → digest) as they were."""
    for name, was in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise Broken(f"{name} is none of its files")
        try:
            now = file_digest(folder / name)
        except FileNotFoundError:
            raise Broken(f"{name} is missing") from None
        except OSError as error:
            raise Broken(f"{name} cannot be read ({error.strerror})") from None
        if now != was:
            raise Broken(f"{name} is not as it was written ({(folder / name).stat().st_size} bytes)")


def write(checkpoint: Path, **more: Any) -> None:
    """Finish a checkpoint: write its manifest, whole or not at all, which holds `more` (JSON) besides."""
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    manifest = {"files": {path.relative_to(checkpoint).as_posix(): file_digest(path) for path in files}, **more}
    replace(checkpoint / NAME, json.dumps({**manifest, "digest": digest(manifest, length=64)}, indent=1))


def sync(path: Path) -> None:
    """Bring what a file holds, or a folder lists, to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def read(checkpoint: Path) -> dict[str, Any]:
    """The manifest of a checkpoint, whatever became of the files since. Raises `Broken`."""
    try:
        manifest = json.loads((checkpoint / NAME).read_bytes())
        was = manifest.pop("digest")
    except FileNotFoundError:
        raise Broken(f"it was not finished, for it has no {NAME}") from None
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        raise Broken(f"{NAME} cannot be read") from None
    if digest(manifest, length=64) != was:
        raise Broken(f"{NAME} is not as it was written")
    return manifest


def newest(work: Path, also: Callable[[dict], None] = lambda manifest: None) -> tuple[Path | None, dict[str, Any]]:
    """The newest checkpoint all of whose files are as they were, with its manifest; None where there is none.

    `also` checks the rest of the manifest and raises `Broken`. Checkpoints that are left out are named in the log.
    """
    folders = checkpoints(work)
    for checkpoint in folders:
        try:
            manifest = read(checkpoint)
            check(checkpoint, manifest["files"])
            also(manifest)
        except Broken as error:
            log.warning("%s is left out: %s", checkpoint.name, error)
            continue
        return checkpoint, manifest
    if folders:
        log.warning("no checkpoint is left: starting from step 0, which gives the same")
    return None, {}


def drop_after(work: Path, taken: Path | None) -> None:
    """Remove the checkpoints after the one taken: training writes them anew."""
    for checkpoint in checkpoints(work):
        if taken is None or step(checkpoint) > step(taken):
            shutil.rmtree(checkpoint)


def rotate(work: Path) -> None:
    """Remove all but the newest checkpoints, once the oldest of these is on the disk: a machine may lose power.

    The others need not be. What the disk lacks of them is seen, and waiting for it takes as long as saving.
    """
    folders = checkpoints(work)
    if len(folders) > KEPT:
        oldest = folders[KEPT - 1]
        for path in (*oldest.rglob("*"), oldest, work):
            sync(path)
    for checkpoint in folders[KEPT:]:
        shutil.rmtree(checkpoint, ignore_errors=True)
