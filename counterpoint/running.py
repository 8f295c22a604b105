"""Who runs a study in a checkout: its params.yaml must not become another study's meanwhile.

Each such process holds a file of its own in .dvc/tmp/running, locked as long as it lives, so one that was killed holds
nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from counterpoint.errors import UserError

FOLDER = Path(".dvc/tmp/running")


@contextlib.contextmanager
def hold(what: str, root: Path = Path()) -> Iterator[None]:
    """Count as running here under the name `what`; nothing to hold where there is no DVC repository."""
    if not (root / ".dvc").is_dir():
        yield
        return
    place = root / FOLDER / str(os.getpid())
    scratch = place.with_suffix(".new")
    place.parent.mkdir(parents=True, exist_ok=True)
    with scratch.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(what)
        file.flush()
        scratch.replace(place)  # locked before anyone sees it
        try:
            yield
        finally:
            place.unlink(missing_ok=True)


def others(root: Path = Path()) -> list[tuple[int, str]]:
    """Process id and name of each that holds a file here but this process, the one that began first at the front."""
    found = []
    for place in (root / FOLDER).glob("*"):
        if not place.name.isdecimal() or place.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError), place.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                place.unlink(missing_ok=True)  # its process is gone
            except BlockingIOError:
                found.append((place.stat().st_mtime, int(place.name), file.read()))
    return [(pid, what) for _, pid, what in sorted(found)]


def check_free(path: Path) -> None:
    """Raise `UserError` where another process runs a study by the file at `path`."""
    held = others(path.parent)
    if held:
        pid, what = held[0]
        raise UserError(
            f"{path}: {what} (process {pid}) is running here, and this would change its parameters; wait until it has "
            f"ended, stop it (kill -INT {pid}; nothing is lost), or run the other study in a clone of its own"
        )
