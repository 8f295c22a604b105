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


@dataclass(frozen=True)
class Place:
    """Where the results of a study lie that are made here."""

    study: str
    folder: Path
    tables: Path  # a Parquet file each
    database: Path  # DuckDB, over the tables
    made: Path  # by which parameters the tables were made, and when
    summary: Path
    headline: Path
    findings: Path
    plots: Path
    report: Path
    sheets: Path  # a picture of each run's reward
    viewer: Path

    def is_made(self) -> bool:
        """Whether there are results: tables, or the database of some that are being made again."""
        return self.tables.is_dir() or self.database.is_file()


def place(study: str) -> Place:
    """Where the results of a study lie."""
    folder = METRICS / study
    return Place(
        study, folder, folder / "tables", folder / DATABASE, folder / "made.json", folder / "summary.json",
        folder / "headline.json", folder / "findings.json", folder / "plots", folder / "report.md", folder / "rewards",
        folder / "samples.html",
    )  # fmt: skip


@dataclass(frozen=True)
class Results:
    """The results that are asked: of the study made here, or of a published one, whose folder that is."""

    study: str
    head: str
    place: Place | None = None
    published: Path | None = None


def published_names() -> list[str]:
    """The studies that came with the repository."""
    return sorted(path.parent.name for path in PUBLISHED.glob(f"*/{published.STUDY}"))


def published_folder(name: str) -> Path:
    """The folder of a published study. Raises `UserError` with the remedy for any other name."""
    known = published_names()
    if name not in known:
        raise UserError(
            f"STUDY: no published study {name!r}{nearest(name, known)}; leave STUDY out to ask the study in params.yaml"
        )
    return PUBLISHED / name


def made_here() -> list[str]:
    """The studies of which this checkout has results."""
    return sorted(path.name for path in METRICS.glob("*/") if place(path.name).is_made())


def current() -> str | None:
    """The study in params.yaml; None where there is no such file."""
    return str(read_yaml(PARAMS).get("study")) if PARAMS.is_file() else None


def results(name: str | None) -> Results:
    """The results to ask: of the study `name`, made here or else published; without a name those of the study in
    params.yaml, or else those that came with the repository. `published/NAME` is the published one in any case.

    Raises `UserError` that names what there is.
    """
    here, others = made_here(), published_names()
    if name is None:
        study = current()
        if study in here:
            return _here(study)
        name = study if study in others else "published" if "published" in others else next(iter(others), None)
        if name is None:
            raise UserError(f"no results of the study {study!r} are here, nor published ones; run `make study`")
        why = f"the study {study!r} has no results here" if name != study else "none were made here"
        return _published(name, f"; {why}, `make study` makes them")
    plain = name.removeprefix("published/")
    if plain == name and name in here:
        return _here(name)
    if plain in others:
        return _published(plain)
    known = dict.fromkeys([*here, *others])
    raise UserError(
        f"STUDY: no results of a study {name!r}{nearest(name, known)}; `make study STUDY={name}` makes them if there "
        "is such a study"
    )


def _published(name: str, more: str = "") -> Results:
    folder = PUBLISHED / name
    return Results(name, f"{published.head(published.load(folder))} ({folder}{more})", published=folder)


def _here(study: str) -> Results:
    found = place(study)
    about = load_made(found)
    when = f", newest work of {about['newest'][:16].replace('T', ' ')} UTC" if about.get("newest") else ""
    return Results(study, f"study {study} ({found.folder}){when}; {_state(study, about)}", place=found)


def load_made(of: Place) -> dict[str, Any]:
    """What the stage `warehouse` told of its tables; nothing where that cannot be read."""
    try:
        return json.loads(of.made.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _state(study: str, about: dict[str, Any]) -> str:
    """Whether params.yaml still says what the results are of."""
    try:
        data = read_yaml(PARAMS)
    except UserError as error:
        return f"params.yaml cannot be read ({error})"
    if data.get("study") != study:
        return f"params.yaml holds the study {data.get('study')} now"
    before, after = ({k: v for k, v in one.items() if k not in UNREAD} for one in (about.get("params") or {}, data))
    changed = changes.differences(before, after)
    if not before or not changed:
        return "params.yaml says so still" if before else "it is not known by which params.yaml"
    described = changes.in_words(changed)
    return f"params.yaml has changed since: {described}; `make study` or `dvc repro` brings it up to date"
