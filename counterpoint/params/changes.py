"""What was changed on a study, kept when another one takes its place in params.yaml, and laid on it anew on return.

Below .studies/NAME: `changed.yaml`, what the study had of its own when it was last left, key by key; and a copy of each
params.yaml that held changes and was replaced, named by the time.
"""

from __future__ import annotations

import copy
import datetime
import json
from pathlib import Path
from typing import Any

import yaml

from counterpoint.errors import UserError
from counterpoint.files import read_yaml, replace

FOLDER = Path(".studies")
CHANGED = "changed.yaml"
SHOWN = 6  # changes that a line names
LONGEST = 60  # characters of a value in it

Change = dict[str, Any]  # `at`: the keys that lead there; `to`: the value, left out where the key was taken away


def differences(before: Any, after: Any, at: tuple[str, ...] = ()) -> list[Change]:
    """What makes `after` of `before`: mappings are compared key by key, all else as a whole."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [] if before == after else [{"at": list(at), "to": after}]
    gone = [{"at": [*at, key]} for key in before if key not in after]
    changed = [change for key in before if key in after for change in differences(before[key], after[key], (*at, key))]
    new = [{"at": [*at, key], "to": after[key]} for key in after if key not in before]
    return [*changed, *new, *gone]


def apply(changes: list[Change], data: dict, where: str) -> dict:
    """A copy of `data` with the changes. Raises `UserError` naming `where` for a change of a key that is not there."""
    data = copy.deepcopy(data)
    for change in changes:
        mapping: Any = data
        *path, last = change["at"]
        for name in path:
            mapping = mapping.get(name) if isinstance(mapping, dict) else None
        if not isinstance(mapping, dict):
            key = ".".join(map(str, change["at"]))
            raise UserError(f"{where}: {key} is no key of the study any more; FRESH=1 composes it without its changes")
        if "to" in change:
            mapping[last] = change["to"]
        else:
            mapping.pop(last, None)
    return data


def in_words(changes: list[Change]) -> str:
    """The changes in a line, as settings."""
    words = []
    for change in changes[:SHOWN]:
        text = json.dumps(change["to"], ensure_ascii=False) if "to" in change else "(left out)"
        words.append(f"{'.'.join(map(str, change['at']))}={text if len(text) <= LONGEST else text[:LONGEST] + '…'}")
    more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    return ", ".join(words) + more


def restore(study: str, data: dict, root: Path) -> dict:
    """A copy of the parameters `data` with what the study had of its own when it was left, if it ever was.

    root: the folder of params.yaml. Raises `UserError` for a file that is damaged or does not fit the study any more.
    """
    path = root / FOLDER / study / CHANGED
    if not path.is_file():
        return data
    changes = read_yaml(path).get("changes")
    if not isinstance(changes, list) or not all(isinstance(c, dict) and isinstance(c.get("at"), list) for c in changes):
        raise UserError(f"{path}: not a list of changes; remove the file, or FRESH=1 composes the study without it")
    return apply(changes, data, f"{FOLDER}/{study}/{CHANGED}")


def save(study: str, changes: list[Change], root: Path) -> None:
    """Note what is to be laid on the study when it comes back."""
    path = root / FOLDER / study / CHANGED
    if not changes:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"changes": changes}, sort_keys=False, allow_unicode=True)
    replace(path, "# What this study had of its own when another took its place in params.yaml.\n" + text)


def save_copy(study: str, text: str, root: Path) -> Path:
    """Keep the text of a params.yaml under the present time; the file."""
    path = root / FOLDER / study / f"{datetime.datetime.now():%Y-%m-%dT%H-%M-%S-%f}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path, text)
    return path
