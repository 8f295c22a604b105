"""The files of this checkout as DVC sees them, but for some that are shown to it with another text."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

from dvc.fs import LocalFileSystem


class Shown(LocalFileSystem):
    """The local files, but for those in `texts`, by path, which read as what stands there: `Repo(fs=Shown({…}))`."""

    def __init__(self, texts: Mapping[str | Path, str]):
        super().__init__()
        self.texts = {os.path.abspath(path): text for path, text in texts.items()}

    def open(self, path, mode="r", **kwargs):
        text = self.texts.get(os.path.abspath(path))
        if text is not None:
            return io.BytesIO(text.encode()) if "b" in mode else io.StringIO(text)
        return super().open(path, mode=mode, **kwargs)

    def exists(self, path, *arguments, **kwargs):
        return path in self.texts or super().exists(path, *arguments, **kwargs)
