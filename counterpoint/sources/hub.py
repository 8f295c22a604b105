"""The hub source: any data set that `datasets` loads, by its id on the hub or from a local folder.

    source: {kind: hub, repository: OWNER/NAME, revision: COMMIT, split: train, …}    from the hub
    source: {kind: hub, path: FOLDER, split: train, …}    saved by `save_to_disk`, or Parquet, JSON and CSV files

`split` may join several, train+test; each keeps its name as the row's part. A data set of several configurations needs
`config`. No code that a data set brings along is ever run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterpoint.errors import UserError, one_line
from counterpoint.problem import Problem
from counterpoint.progress import track
from counterpoint.sources import folder, parsing
from counterpoint.sources.parsing import Record, Refusal, Source
from counterpoint.sources.rows import collect


def read(source: Source) -> tuple[list[Problem], list[dict]]:
    """Problems (not yet split) and rejects (columns of the table `rejects`) of a data set.

    Raises `UserError` when the data set or its split cannot be loaded.
    """
    import datasets

    data = {split: _load(source, split) for split in dict.fromkeys(source.split.split("+"))}
    if source.repository:
        where = source.repository
        roots = (Path(datasets.config.HF_CACHE_HOME), Path(datasets.config.HF_DATASETS_CACHE))
    else:
        where = Path(source.path).name
        roots = (Path(source.path),)
    return read_rows(data, source, where, roots)


def read_rows(
    data: dict[str, Any], source: Source, where: str, roots: tuple[Path, ...]
) -> tuple[list[Problem], list[dict]]:
    """Problems and rejects of `datasets.Dataset`s, by split.

    where: the data set's name for messages. roots: pictures kept by path must lie in one of them. Raises `UserError`
    when a split cannot be read to its end.
    """
    import pyarrow as pa

    def records() -> Iterator[Record]:
        for split, rows in data.items():
            number = 0
            try:
                for number, (row, fault) in enumerate(track(_rows(rows), len(rows), f"reading {split}"), 1):
                    yield Record(f"{where}:{split}", number, source.name, split, row, fault)
            except (parsing.Unreadable, pa.ArrowException, OSError) as error:
                reason = one_line(error)
                raise UserError(f"{where}:{split}: it cannot be read on after row {number}: {reason}") from None

    def read_picture(cell: Any, _: Record) -> bytes:
        if not isinstance(cell, dict):
            raise Refusal(f"its picture must be a cell of an Image feature, not {cell!r:.60}")
        return folder.picture(cell, [(root, root) for root in roots], source.max_image_bytes)

    return collect(records(), source, read_picture)


def _load(source: Source, split: str):
    import datasets

    name = source.repository or source.path
    remedy = "source.config and source.split" if source.repository else "source.path, source.config and source.split"
    try:
        if source.repository:
            return datasets.load_dataset(source.repository, source.config, split=split, revision=source.revision)
        if any((Path(source.path) / f).exists() for f in ("dataset_dict.json", "state.json")):
            saved = datasets.load_from_disk(source.path)
            return saved[split] if isinstance(saved, datasets.DatasetDict) else saved
        # a copy of the files alone, without the card that names the configurations, has one configuration
        config = source.config if source.config in datasets.get_dataset_config_names(source.path) else None
        return datasets.load_dataset(source.path, config, split=split)
    except (OSError, ValueError, KeyError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(f"{name}: the data set cannot be loaded ({one_line(error)}); check {remedy}") from None


def _rows(data: Any) -> Iterator[tuple[Any, str | None]]:
    """The rows as Arrow holds them, or why one cannot be read: `datasets` decodes nothing, however deep in a column.

    So pictures stay the very bytes, no path is opened, and a broken cell is one reject.
    """
    unpack = {name: feature for name, feature in data.features.items() if _holds_json(feature)}
    number = parsing.rows_at_a_time(data.data.num_rows, data.data.nbytes)
    for table in data.with_format("arrow").iter(batch_size=number):
        for row, fault in parsing.table_rows(table):
            for name in unpack if row is not None else ():
                try:
                    row[name] = _unpacked(unpack[name], row[name])
                except Refusal as refusal:
                    row, fault = None, f"its column {name!r:.60}: {refusal}"
                    break
            yield row, fault


def _holds_json(feature: Any) -> bool:
    import datasets

    if isinstance(feature, dict):
        return any(map(_holds_json, feature.values()))
    return isinstance(feature, datasets.Json) or _holds_json(getattr(feature, "feature", {}))


def _unpacked(feature: Any, value: Any) -> Any:
    """A cell with what its `Json` features hold, which Arrow keeps as text."""
    import datasets

    if value is None or not _holds_json(feature):
        return value
    if isinstance(feature, dict):
        return {name: _unpacked(feature[name], inner) for name, inner in value.items()}
    if not isinstance(feature, datasets.Json):
        return [_unpacked(feature.feature, inner) for inner in value]
    unpacked, fault = parsing.json_value(value)
    if fault is not None:
        raise Refusal(fault)
    return unpacked
