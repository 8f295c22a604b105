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
    entries = _git("ls-files", "-s", "-z", "--", str(BASES)).split("\0")[:-1]
    in_git = {path: about.split()[1] for about, _, path in (entry.partition("\t") for entry in entries)}
    paths = [path for path in in_git if Path(path).is_file()]
    here = dict(zip(paths, _git("hash-object", "--stdin-paths", text="\n".join(paths)).split(), strict=True))
    for path, content in in_git.items():
        if here.get(path) != content:
            base = BASES / Path(path).relative_to(BASES).parts[0]
            state = "is not as in git" if path in here else "is missing"
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
