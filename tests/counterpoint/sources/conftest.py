"""A small folder of rows, and the parameters that read it."""

import io
import json
import os
from pathlib import Path

import pytest
from PIL import Image

from counterpoint.params import Source

SOURCE = {
    "kind": "folder", "path": None, "repository": None, "revision": None, "config": None, "pattern": "**/*.jsonl",
    "split": "train", "name": "mine", "fields": {"question": "q", "answer": "a", "options": "o", "images": "i"},
    "family": "file", "part": None, "parts": {}, "held_out_families": [], "rejects_allowed": 0,
    "max_image_bytes": 1_000_000, "max_image_pixels": 1_000_000, "benchmarks": {},
}  # fmt: skip


@pytest.fixture
def source(tmp_path):
    """Make a Source of `tmp_path` with some of its keys changed."""
    return lambda **changes: Source(**{**SOURCE, "path": str(tmp_path), **changes})


@pytest.fixture
def png():
    """A one-coloured picture as PNG bytes, another for each number."""

    def make(number: int = 0) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4), (number % 256, number // 256, 7)).save(buffer, "PNG")
        return buffer.getvalue()

    return make


@pytest.fixture
def rows(tmp_path, png):
    """Write rows (dicts, or raw lines as bytes) to a JSON-lines file; each gets a picture unless it has one."""

    def write(name: str, *given) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for number, row in enumerate(given):
            if isinstance(row, bytes):
                lines.append(row)
                continue
            whole = {
                "q": f"what is {number} ?",
                "a": "red",
                "o": ["red", "blue"],
                "i": f"{file.stem}{number}.png",
                **row,
            }
            if "i" not in row:
                (file.parent / whole["i"]).write_bytes(png(number + 1000 * sum(map(ord, file.stem)) % 60000))
            lines.append(json.dumps(whole).encode())
        file.write_bytes(b"\n".join(lines) + b"\n")

    return write


@pytest.fixture
def realdata():
    """The folder of a real data set; the test is skipped where it is not at hand."""
    root = Path(os.environ.get("COUNTERPOINT_REALDATA", Path(__file__).parents[4] / "shared" / "realdata"))

    def folder(name: str) -> Path:
        if not (root / name).is_dir():
            pytest.skip(f"no {name} in {root}; set COUNTERPOINT_REALDATA")
        return root / name

    return folder
