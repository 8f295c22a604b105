"""Which processes run a study in a checkout: its params.yaml must not become another study's while they do.

Each such process holds a file of its own in .dvc/tmp/running, locked as long as it lives. A killed one holds nothing.
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
    path = root / FOLDER / str(os.getpid())
    scratch = path.with_suffix(".new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(what)
        file.flush()
        scratch.replace(path)  # locked before anyone sees it
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def others(root: Path = Path()) -> list[tuple[int, str]]:
    """Process id and name of every other process that runs here, the one that began first at the front."""
    holders = []
    for path in (root / FOLDER).glob("*"):
        if not path.name.isdecimal() or path.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError), path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)  # its process is gone
            except BlockingIOError:
                holders.append((path.stat().st_mtime, int(path.name), file.read()))
    return [(pid, what) for _, pid, what in sorted(holders)]


def check_free(path: Path) -> None:
    """Raise `UserError` where another process runs a study by the file at `path`."""
    for pid, what in others(path.parent):
        raise UserError(
            f"{path}: {what} (process {pid}) is running here, and this would change its parameters; wait until it has "
            f"ended, stop it (kill -INT {pid}; nothing is lost), or run the other study in a clone of its own"
        )
