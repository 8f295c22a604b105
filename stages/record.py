"""What DVC records of a stage is what the stage ran with, or the stage fails.

DVC hashes parameters and code when a stage's command has ended, and records what it finds then. Edited meanwhile, they
would be recorded as if the stage had run with them. So a stage notes at its very start what stands in params.yaml and
in the code, and compares at its end. What counts is what dvc.yaml says that the stage depends on, by DVC's own reading.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from counterpoint.errors import UserError
from counterpoint.files import Loader

PARAMS = "params.yaml"
GRID = "grid.yaml"  # what follows from the parameters (counterpoint/params/grid.py)
TEXTS = (PARAMS, "dvc.yaml")
CODE = ("counterpoint", "stages")  # folders
STAGE = "DVC_STAGE"  # the variable in which DVC tells a command the name of its stage
NAMED = 3  # changes that the message names


@dataclass(frozen=True)
class Start:
    """What a stage began with: its name, the texts of params.yaml, grid.yaml and dvc.yaml, each code file's digest."""

    stage: str
    texts: dict[str, str]
    code: dict[str, str]


def begin() -> Start | None:
    """Note what stands in the files now; None where DVC runs no stage, or in another folder than this."""
    stage = os.environ.get(STAGE)
    if not stage or not all(Path(name).is_file() for name in TEXTS):
        return None
    return Start(stage, _texts(), _code())


def _texts() -> dict[str, str]:
    paths = (Path(name) for name in (*TEXTS, GRID))
    return {str(path): path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()}


def _code() -> dict[str, str]:
    files = (path for folder in CODE for path in Path(folder).rglob("*") if "__pycache__" not in path.parts)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files) if path.is_file()}


def check(start: Start | None) -> None:
    """Raise `UserError` where a parameter or a file that the stage depends on is not as at its start.

    The stage's outs are removed first: nothing is published, and DVC, which sees the stage fail, records nothing.
    """
    if start is None:
        return
    texts, code = _texts(), _code()
    edited = sorted(path for path in start.code.keys() | code.keys() if start.code.get(path) != code.get(path))
    if not edited and all(texts.get(name) == start.texts.get(name) for name in (PARAMS, GRID)):
        return
    keys, paths, outs = _depends(start)
    changed = [
        line
        for name, of_file in keys.items()
        for line in _changed_parameters(name, of_file, start.texts.get(name, ""), texts.get(name, ""))
    ]
    changed += [name for name in edited if any(path in (Path(name), *Path(name).parents) for path in paths)]
    if not changed:
        return
    for out in outs:
        out.remove()
    more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    raise UserError(
        f"{start.stage}: changed while it ran: {'; '.join(changed[:NAMED])}{more}; so nothing is published; the same "
        "command runs it with what stands there now, or, where that is put back, goes on from the last checkpoint"
    )


def _depends(start: Start) -> tuple[dict[str, list[str]], list[Path], list]:
    """The parameters' keys by file, the paths and DVC's outs of the stage, as they were when it began."""
    from dvc.dependency import ParamsDependency  # seconds, and hardly ever needed
    from dvc.repo import Repo

    from stages.dvc_patches import Shown

    with Repo(fs=Shown(start.texts)) as repo:
        (stage,) = (stage for stage in repo.index.stages if stage.addressing == start.stage)
        of_files = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
        keys = {os.path.relpath(dep.fs_path): list(dep.params) for dep in of_files}
        paths = [Path(os.path.relpath(dep.fs_path)) for dep in stage.deps if not isinstance(dep, ParamsDependency)]
        return keys, paths, stage.outs


def _changed_parameters(file: str, keys: Iterable[str], before: str, after: str) -> Iterator[str]:
    """What changed below these keys of a file of parameters, whose text was `before` and is `after`: a line a value."""
    from counterpoint.params import changes

    old, new = (yaml.load(text, Loader) for text in (before, after))
    for key in keys:
        for change in changes.differences(_value(old, key), _value(new, key), tuple(key.split("."))):
            name = ".".join(map(str, change["at"]))
            yield f"{name} in {file} ({_value(old, name)} when it began, {change.get('to')} now)"


def _value(data: Any, key: str) -> Any:
    for name in key.split("."):
        data = data.get(name) if isinstance(data, dict) else None
    return data
