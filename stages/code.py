"""The code that a stage runs, as dvc.yaml lists it: its files count in the fingerprints of runs and of trials."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

from counterpoint import params
from counterpoint.params import grid
from counterpoint.problem import digest

ROOT = Path(__file__).parents[1]
FOLDERS = ("counterpoint/", "stages/")


@cache
def listed(stage: str) -> tuple[str, ...]:
    """The code among the dependencies of a stage of dvc.yaml, as it stands there."""
    about = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    return tuple(dep for dep in about.get("do", about)["deps"] if dep.startswith(FOLDERS))


def of(stage: str, names: dict[str, str] | None = None) -> list[Path]:
    """The files of that code, each once and in the order of their names; `names` say what stands in for ${….NAME}."""
    paths = {ROOT / re.sub(r"\$\{[\w.]*?(\w+)\}", lambda match: names[match[1]], dep) for dep in listed(stage)}
    files = (file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path]))
    return sorted(set(files))


def of_run(settings: params.Params, run: params.RunSpec) -> list[Path]:
    """The files that a training run follows from: its own method's and reward terms', and no other's."""
    section = params.settings(settings, run.arm)
    paid = section.rewards if isinstance(section, params.Rl) else {}
    return of("train", {"method": run.method} | grid.rewards(paid) | grid.probed(settings.probe.suites))


def digest_of(files: Iterable[Path]) -> str:
    """One name for what stands in the files, whatever folder the checkout lies in."""
    return digest([(file.name, file.read_text(encoding="utf-8")) for file in files])
