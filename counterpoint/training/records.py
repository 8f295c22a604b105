"""Live records: flushed JSON lines while a run trains, sorted Parquet when it ends.

A killed run may leave a half-written last line; it is skipped and counted. On resume everything after the checkpoint's
step is dropped, so every step occurs once.
"""

from __future__ import annotations

import json
import logging
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from counterpoint import tables

log = logging.getLogger(__name__)
RECORDED = ("steps", "rewards", "probes", "probe_items", "completions", "timings")


@cache
def provenance() -> tuple[tuple[str, str], ...]:
    """Code revision and machine, for the `timings` table alone."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    revision = found.stdout.strip() or "unknown"
    return (("code_rev", revision), ("machine", f"{platform.machine()} {platform.system()}"))


def now() -> str:
    """The time in UTC, to the microsecond."""
    return datetime.now(UTC).isoformat()


def read_lines(path: Path) -> tuple[list[dict], int]:
    """The records in a JSON-lines file and the number of lines that could not be read."""
    rows, broken = [], 0
    if not path.exists():
        return rows, broken
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                broken += 1
                continue
            if isinstance(row, dict):
                rows.append(row)
            else:
                broken += 1
    return rows, broken


class Recorder:
    """Appends records of one run to `folder`, one JSON-lines file a table."""

    def __init__(self, folder: Path, run_id: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.run_id = folder, run_id
        self._files: dict[str, object] = {}

    def add(self, table: str, *rows: dict) -> None:
        """Append rows of a table; they are on their way to the disk when this returns."""
        if table not in self._files:
            self._files[table] = (self.folder / f"{table}.jsonl").open("a", encoding="utf-8")
        file = self._files[table]
        for row in rows:
            file.write(json.dumps({"run_id": self.run_id, **row}, ensure_ascii=False) + "\n")
        file.flush()

    def close(self) -> None:
        """Close the files; `add` would open them again."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def rewind(self, step: int) -> None:
        """Keep only what was recorded up to `step`, as a checkpoint taken there knows it."""
        self.close()
        for table in RECORDED:
            path = self.folder / f"{table}.jsonl"
            rows, broken = read_lines(path)
            kept = [row for row in rows if (row.get("step") or 0) <= step]
            if broken or len(kept) < len(rows):
                log.info("%s: %d unreadable and %d later records dropped", path.name, broken, len(rows) - len(kept))
                scratch = path.with_suffix(".new")
                scratch.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in kept), encoding="utf-8")
                scratch.replace(path)

    def rows(self, table: str) -> list[dict]:
        """All readable records of a table; unreadable lines are counted in the log."""
        rows, broken = read_lines(self.folder / f"{table}.jsonl")
        if broken:
            log.warning("%s: %d unreadable records skipped", table, broken)
        return rows

    def publish(self, out: Path) -> None:
        """Write every table as sorted Parquet under `out`; a table without records is an empty file."""
        self.close()
        for table in RECORDED:
            rows = self.rows(table)
            if table == "completions":
                for row in rows:
                    row["terms"] = list(row["terms"].items())
            tables.write(table, rows, out / f"{table}.parquet")
