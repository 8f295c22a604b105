"""What a source hands on: one row where it stands, and the reason why a row cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Refusal(Exception):
    """Why one row cannot be used."""


@dataclass(frozen=True)
class Record:
    """One row where it stands: `file` for the reader, `line` from 1, `stem` the file's name without its ending (of a
    hub data set the source's name), `part` the same but for a hub data set, where it is the split.

    `fault` is set instead of `row` when it could not even be parsed; `folder` is where its pictures' paths start.
    """

    file: str
    line: int | None
    stem: str
    part: str
    row: dict[str, Any] | None = None
    fault: str | None = None
    folder: Path | None = None
