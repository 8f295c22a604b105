"""The bases that ship with the repository are inputs: no study makes them, and one that is not as in git is told.

`make base` alone trains them; what it made counts once it is added to git.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from counterpoint.errors import UserError

BASES = Path("data/models/base")


def check() -> None:
    """Raise `UserError` where a file of a shipped base is missing or not the one in git's index, told by its content.

    Outside a git checkout nothing is shipped.
    """
    known = _git("ls-files", "-s", "-z", "--", str(BASES))
    wanted = {path: about.split()[1] for about, _, path in (one.partition("\t") for one in known.split("\0")[:-1])}
    there = [path for path in wanted if Path(path).is_file()]
    found = dict(zip(there, _git("hash-object", "--stdin-paths", text="\n".join(there)).split(), strict=True))
    for path, content in wanted.items():
        if found.get(path) != content:
            base = BASES / Path(path).relative_to(BASES).parts[0]
            state = "is not as in git" if path in found else "is missing"
            raise UserError(
                f"{path} {state}; `git checkout -- {base}` restores it, or, where it is meant, as after `make base`, "
                f"`git add {base}` keeps it"
            )


def _git(*arguments: str, text: str = "") -> str:
    """What git prints; nothing where there is no git or no checkout of it."""
    try:
        return subprocess.run(["git", *arguments], input=text, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
