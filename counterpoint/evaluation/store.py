"""Generations kept on disk, by what they follow from: weights, prompt, pictures, decoding, sample index, and the code.

The weights count by the digest of a checkpoint's files, not by its path: one that is written anew at the same path
never serves the answers of the old one. Kept in SQLite, batch by batch: a killed evaluation goes on where it stopped,
and several processes may write at once. The file is disposable; delete it and everything is generated again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from counterpoint.errors import UserError
from counterpoint.generation import completion
from counterpoint.generation.completion import Completion
from counterpoint.models.checkpoint import snapshot
from counterpoint.problem import digest
from counterpoint.suites.views import View

SERIES = 1  # another number draws other samples
BUSY = 60.0  # seconds to wait for another process that writes


class Store:
    """A file of generations. Raises `UserError` when it cannot be opened or is no such file."""

    def __init__(self, path: Path):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(path, timeout=BUSY, isolation_level=None)
            self.db.execute("pragma journal_mode = wal")
            self.db.execute("pragma synchronous = normal")
            self.db.execute(
                "create table if not exists generations"
                " (key blob primary key, text text not null, tokens integer not null, truncated integer not null)"
                " without rowid"
            )
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror or error}); free the path") from None
        except sqlite3.Error as error:
            raise UserError(f"{path}: not a store of generations ({error}); delete the file and run again") from None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Completion]:
        """What is known of the keys."""
        completions = {}
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), 500):  # SQLite bounds the parameters of a statement
            part = distinct[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self._run(f"select key, text, tokens, truncated from generations where key in ({marks})", part)
            for key, text, tokens, truncated in rows:
                completions[key] = Completion(text, tokens, bool(truncated))
        return completions

    def put(self, keys: Iterable[bytes], completions: Iterable[Completion]) -> None:
        """Keep completions, all of them or, when killed, none; a key that another process filled stays as it is."""
        rows = [(k, c.text, c.tokens, c.truncated) for k, c in zip(keys, completions, strict=True)]
        self._run("begin immediate")
        self._run("insert or ignore into generations values (?, ?, ?, ?)", rows, many=True)
        self._run("commit")

    def _run(self, sql: str, values: Sequence = (), many: bool = False) -> list[tuple]:
        try:
            return (self.db.executemany if many else self.db.execute)(sql, values).fetchall()
        except sqlite3.Error as error:
            reason = " ".join(str(error).split())[:200]  # it may quote a text
            raise UserError(f"{self.path}: {reason}; if no other evaluation is running, delete the file") from None

    def close(self) -> None:
        """Close the file."""
        self.db.close()


@cache
def generator() -> str:
    """The digest of what turns a key into text: this package's generation code, and the libraries under it."""
    room = Path(completion.__file__).parent
    code = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(room.glob("*.py"))]
    return digest(code, [version(name) for name in ("torch", "transformers", "tokenizers", "pillow")], length=64)


def content(weights: str, view: View, decoding: dict, sample: int) -> bytes:
    """What one generation follows from, but for the code, as 32 bytes: `decoding` holds every setting but the batch.

    A sample's random numbers follow from it, so that they stay the same when the code changes.
    """
    pictures = [picture.sha256 for picture in view.images]
    text = json.dumps([SERIES, weights, view.text, pictures, decoding, sample], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).digest()


def key(content: bytes) -> bytes:
    """Under what the generation is kept: its content and the code that turns it into text."""
    return hashlib.sha256(generator().encode() + content).digest()


def weights_digest(path: str) -> str:
    """The digest of every file of a checkpoint (a local folder or a hub id), and of what an adapter adapts.

    Raises `UserError` when there is no such checkpoint.
    """
    folder = snapshot(path)
    parts = []
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        with file.open("rb") as opened:
            parts.append((file.relative_to(folder).as_posix(), hashlib.file_digest(opened, "sha256").hexdigest()))
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        parts.append(("base", weights_digest(json.loads(adapter.read_text("utf-8"))["base_model_name_or_path"])))
    return digest(parts, length=64)
