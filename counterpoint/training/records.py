"""Live records: flushed JSON lines while a run trains, sorted Parquet when it ends.

A killed run may leave a half-written last line; it is skipped and counted. The files are only ever appended to, so a
checkpoint can tell by length and digest what was recorded when it was written: a resumed run goes on from there, so
that every step occurs once, and records that were lost or changed since are seen.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO

from counterpoint import tables
from counterpoint.errors import UserError
from counterpoint.models import manifest

log = logging.getLogger(__name__)
RECORDED = ("steps", "rewards", "probes", "probe_items", "completions", "timings")


@cache
def provenance() -> tuple[tuple[str, str], ...]:
    """Code revision and machine, for the `timings` table alone."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    revision = git.stdout.strip() or "unknown"
    return (("code_rev", revision), ("machine", f"{platform.machine()} {platform.system()}"))


def now() -> str:
    """The time in UTC, to the microsecond."""
    return datetime.now(UTC).isoformat()


def read_lines(path: Path) -> tuple[list[dict], int]:
    """The records in a JSON-lines file and the number of lines that could not be read."""
    if not path.exists():
        return [], 0
    values = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                values.append(json.loads(line))
            except json.JSONDecodeError:
                values.append(None)
    rows = [value for value in values if isinstance(value, dict)]
    return rows, len(values) - len(rows)


class Tally:
    """How much was written to a file: rows, bytes and their digest. Begins with what the file holds, or with its first
    `until` bytes; a missing file holds none."""

    def __init__(self, path: Path, until: int | None = None):
        self._rows = self._bytes = 0
        self._hash = hashlib.sha256()
        if path.exists():
            with path.open("rb") as file:
                while data := file.read(1 << 20 if until is None else min(1 << 20, until - self._bytes)):
                    self.add(data)

    def add(self, data: bytes) -> None:
        """Count what is appended."""
        self._rows += data.count(b"\n")
        self._bytes += len(data)
        self._hash.update(data)

    def mark(self) -> dict[str, int | str]:
        """The tally as a checkpoint's manifest holds it."""
        return {"rows": self._rows, "bytes": self._bytes, "sha256": self._hash.hexdigest()}


class Recorder:
    """Appends records of one run to `folder`, one JSON-lines file a table."""

    def __init__(self, folder: Path, run_id: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.run_id = folder, run_id
        self._files: dict[str, BinaryIO] = {}
        self._tallies: dict[str, Tally] = {}

    def _path(self, table: str) -> Path:
        return self.folder / f"{table}.jsonl"

    def _tally(self, table: str) -> Tally:
        if table not in self._tallies:
            self._tallies[table] = Tally(self._path(table))
        return self._tallies[table]

    def add(self, table: str, *rows: dict) -> None:
        """Append rows of a table; they are on their way to the disk when this returns."""
        tally = self._tally(table)
        if table not in self._files:
            self._files[table] = self._path(table).open("ab")
        lines = (json.dumps({"run_id": self.run_id, **row}, ensure_ascii=False) + "\n" for row in rows)
        data = "".join(lines).encode()
        self._files[table].write(data)
        self._files[table].flush()
        tally.add(data)

    def close(self) -> None:
        """Close the files; `add` would open them again."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def marks(self) -> dict[str, dict]:
        """By table how much is recorded by now, all of it on the disk."""
        for file in self._files.values():
            os.fsync(file.fileno())
        return {table: self._tally(table).mark() for table in RECORDED}

    def check(self, marks: dict[str, dict]) -> None:
        """Raise `manifest.Broken` unless all tables begin with what was recorded when `marks` were made."""
        for table, mark in marks.items():
            name = f"{self.folder.name}/{table}.jsonl"
            try:
                recorded = Tally(self._path(table), mark["bytes"]).mark()
            except OSError as error:
                raise manifest.Broken(f"{name} cannot be read ({error.strerror})") from None
            if recorded["bytes"] < mark["bytes"]:
                raise manifest.Broken(f"{name} has {recorded['rows']} of {mark['rows']} rows")
            if recorded != mark:
                raise manifest.Broken(f"{name} is not as it was written")

    def rewind(self, marks: dict[str, dict]) -> None:
        """Keep only what was recorded when `marks` were made, of a table without one nothing."""
        self.close()
        for table in RECORDED:
            path, mark = self._path(table), marks.get(table)
            if mark is None:
                path.unlink(missing_ok=True)
            elif path.exists() and path.stat().st_size > mark["bytes"]:
                log.info("%s: %d later records dropped", path.name, Tally(path).mark()["rows"] - mark["rows"])
                os.truncate(path, mark["bytes"])
            self._tallies[table] = Tally(path)

    def rows(self, table: str) -> list[dict]:
        """All readable records of a table; unreadable lines are counted in the log."""
        rows, broken = read_lines(self._path(table))
        if broken:
            log.warning("%s: %d unreadable records skipped", table, broken)
        return rows

    def publish(self, out: Path) -> None:
        """Write every table as sorted Parquet under `out`; a table without records is an empty file.

        Raises `UserError` when a file of records is not what was written to it.
        """
        self.close()
        for table in RECORDED:
            if Tally(self._path(table)).mark() != self._tally(table).mark():
                raise UserError(
                    f"{self._path(table)}: changed by another process while the run trained; run the same command "
                    "again, and it goes on from the last checkpoint whose records are whole"
                )
        for table in RECORDED:
            rows = self.rows(table)
            if table == "completions":
                for row in rows:
                    row["terms"] = list(row["terms"].items())
            tables.write(table, rows, out / f"{table}.parquet")
