"""The hub source: any data set that `datasets` loads, by its id on the hub or from a local folder.

    source: {kind: hub, repository: OWNER/NAME, revision: COMMIT, split: train, …}    from the hub
    source: {kind: hub, path: FOLDER, split: train, …}    saved by `save_to_disk`, or Parquet, JSON and CSV files

No code that a data set brings along is ever run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterpoint.errors import UserError
from counterpoint.params import Source
from counterpoint.problem import Problem
from counterpoint.progress import track
from counterpoint.sources import folder
from counterpoint.sources.rows import Record, Refusal, collect


def read(source: Source) -> tuple[list[Problem], list[dict]]:
    """Problems (not yet split) and rejects. Raises `UserError` when the data set or its split cannot be loaded."""
    import datasets

    data = _load(source)
    if source.repository:
        where = source.repository
        roots = (Path(datasets.config.HF_CACHE_HOME), Path(datasets.config.HF_DATASETS_CACHE))
    else:
        where = Path(source.path).name
        roots = (Path(source.path),)
    return read_rows(data, source, where, roots)


def read_rows(data, source: Source, where: str, roots: tuple[Path, ...]) -> tuple[list[Problem], list[dict]]:
    """Problems and rejects of a `datasets.Dataset`; pictures kept by path must lie in one of `roots`."""

    def records() -> Iterator[Record]:
        for number, row in enumerate(track(_undecoded(data), len(data), "reading rows"), 1):
            yield Record(file=f"{where}:{source.split}", line=number, stem=source.name, row=row)

    return collect(records(), source, lambda cell, _: _picture(cell, roots))


def _load(source: Source):
    import datasets

    name = source.repository or source.path
    remedy = "source.split" if source.repository else "source.path and source.split"
    try:
        if source.repository:
            return datasets.load_dataset(source.repository, split=source.split, revision=source.revision)
        if not Path(source.path).is_dir():
            raise UserError(f"source.path: {source.path} is no folder; for the hub set source.repository instead")
        if any((Path(source.path) / f).exists() for f in ("dataset_dict.json", "state.json")):
            saved = datasets.load_from_disk(source.path)
            return saved[source.split] if isinstance(saved, datasets.DatasetDict) else saved
        return datasets.load_dataset(source.path, split=source.split)
    except (OSError, ValueError, KeyError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{name}: the data set cannot be loaded ({reason}); check {remedy}") from None


def _undecoded(data):
    """The data set with its pictures as encoded bytes: the very bytes stay, and one broken picture is one reject."""
    import datasets

    for column, feature in data.features.items():
        inner = getattr(feature, "feature", None)
        if isinstance(feature, datasets.Image):
            data = data.cast_column(column, datasets.Image(decode=False))
        elif isinstance(inner, datasets.Image):
            data = data.cast_column(column, datasets.List(datasets.Image(decode=False)))
    return data


def _picture(cell: Any, roots: tuple[Path, ...]) -> bytes:
    if not isinstance(cell, dict):
        raise Refusal(f"its picture must be a cell of an Image feature, not {cell!r:.60}")
    if cell.get("bytes"):
        return cell["bytes"]
    for root in roots:
        try:
            return folder.picture(cell.get("path"), (root,), root)
        except Refusal as refusal:
            last = refusal
    raise last
