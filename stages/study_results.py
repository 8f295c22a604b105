"""Where the results of a study lie: metrics/STUDY, which git ignores, and metrics/published/NAME, which it keeps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterpoint.errors import UserError, nearest
from counterpoint.files import read_yaml
from counterpoint.params import changes
from counterpoint.warehouse import published

METRICS = Path("metrics")
PUBLISHED = METRICS / "published"
PARAMS = Path("params.yaml")
DATABASE = "results.duckdb"
UNREAD = ("tune", "bases", "report_to")  # keys that no table follows from


class StudyFiles:
    """Where the results of a study lie that are made here."""

    def __init__(self, study: str) -> None:
        self.study = study
        self.folder = METRICS / study
        self.tables = self.folder / "tables"  # a Parquet file each
        self.database = self.folder / DATABASE  # DuckDB, over the tables
        self.made = self.folder / "made.json"  # by which parameters the tables were made, and when
        self.summary = self.folder / "summary.json"
        self.headline = self.folder / "headline.json"
        self.findings = self.folder / "findings.json"
        self.plots = self.folder / "plots"
        self.report = self.folder / "report.md"
        self.sheets = self.folder / "rewards"  # a picture of each run's reward
        self.viewer = self.folder / "samples.html"

    def exist(self) -> bool:
        """Whether there are results: tables, or the database of some that are being made again."""
        return self.tables.is_dir() or self.database.is_file()


@dataclass(frozen=True)
class StudyTables:
    """The tables that a question is put to."""

    study: str
    head: str  # one line that says whose they are
    tables: Path  # their folder, a Parquet file each
    database: Path  # DuckDB, over them
    made_here: bool  # else they came with the repository

    @property
    def remedy(self) -> str:
        """The command that makes broken tables anew."""
        return "dvc repro warehouse" if self.made_here else f"git checkout -- {self.tables}"


def published_names() -> list[str]:
    """The studies that came with the repository."""
    return sorted(path.parent.name for path in PUBLISHED.glob(f"*/{published.STUDY}"))


def published_folder(name: str) -> Path:
    """The folder of a published study. Raises `UserError` with the remedy for any other name."""
    if name not in published_names():
        raise UserError(
            f"STUDY: no published study {name!r}{nearest(name, published_names())}; leave STUDY out to ask the study "
            "in params.yaml"
        )
    return PUBLISHED / name


def current() -> str | None:
    """The study in params.yaml; None where there is no such file."""
    return str(read_yaml(PARAMS).get("study")) if PARAMS.is_file() else None


def tables_of(name: str | None) -> StudyTables:
    """The tables of the study `name`, made here or else published; without a name those of the study in params.yaml, or
    else those that came with the repository. `published/NAME` is the published one in any case.

    Raises `UserError` that names what there is.
    """
    here = sorted(path.name for path in METRICS.glob("*/") if StudyFiles(path.name).exist())
    others = published_names()
    if name is None:
        study = current()
        if study in here:
            return _made_here(study)
        name = next((candidate for candidate in (study, "published", *others) if candidate in others), None)
        if name is None:
            raise UserError(f"no results of the study {study!r} are here, nor published ones; run `make study`")
        why = f"the study {study!r} has no results here" if name != study else "none were made here"
        return _published(name, f"; {why}, `make study` makes them")
    plain = name.removeprefix("published/")
    if plain == name and name in here:
        return _made_here(name)
    if plain in others:
        return _published(plain)
    raise UserError(
        f"STUDY: no results of a study {name!r}{nearest(name, dict.fromkeys([*here, *others]))}; `make study "
        f"STUDY={name}` makes them if there is such a study"
    )


def _published(name: str, more: str = "") -> StudyTables:
    folder = PUBLISHED / name
    head = f"{published.head(published.load(folder))} ({folder}{more})"
    return StudyTables(name, head, folder, folder / DATABASE, made_here=False)


def _made_here(study: str) -> StudyTables:
    files = StudyFiles(study)
    try:
        about = json.loads(files.made.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        about = {}
    when = f", newest work of {about['newest'][:16].replace('T', ' ')} UTC" if about.get("newest") else ""
    head = f"study {study} ({files.folder}){when}; {_compared(study, about.get('params') or {})}"
    return StudyTables(study, head, files.tables, files.database, made_here=True)


def _compared(study: str, made_by: dict[str, Any]) -> str:
    """Whether params.yaml still says what the results were made by."""
    try:
        data = read_yaml(PARAMS)
    except UserError as error:
        return f"params.yaml cannot be read ({error})"
    if data.get("study") != study:
        return f"params.yaml holds the study {data.get('study')} now"
    before, after = ({key: value for key, value in each.items() if key not in UNREAD} for each in (made_by, data))
    changed = changes.differences(before, after)
    if not before:
        return "it is not known by which params.yaml"
    if not changed:
        return "params.yaml says so still"
    return (
        f"params.yaml has changed since: {changes.in_words(changed)}; `make study` or `dvc repro` brings it up to date"
    )
