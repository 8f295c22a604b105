"""The code that a training run follows from: its files count in the fingerprints of runs and of tuning's trials."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import counterpoint
from counterpoint.methods import Method
from counterpoint.problem import digest

PACKAGE = Path(counterpoint.__file__).parent
ROOMS = ("training", "generation", "rewards", "suites", "models", "verify")
STATISTICS = ("deceptive", "onset", "regret", "trends")
STAGES = Path(__file__).parent


def rooms(*names: str) -> list[Path]:
    """The modules of these folders of the package, in order."""
    return [file for name in names for file in sorted((PACKAGE / name).rglob("*.py"))]


def stages(*names: str) -> list[Path]:
    """The files of these stages."""
    return [STAGES / f"{name}.py" for name in names]


def code(method: Method) -> list[Path]:
    """What is the method's own: how methods are described, and the file of its name where there is one."""
    files = (PACKAGE / "methods" / f"{name}.py" for name in ("method", method.name))
    return [file for file in files if file.is_file()]


def training(*methods: Method) -> list[Path]:
    """What runs of these methods follow from; no other method's file."""
    own = dict.fromkeys(file for method in methods for file in code(method))
    statistics = [PACKAGE / "statistics" / f"{name}.py" for name in STATISTICS]
    others = [PACKAGE / f"{name}.py" for name in ("problem", "prompt", "sampling")]
    return [*own, *rooms(*ROOMS), *statistics, *others, *stages("training", "pool")]


def digest_of(files: Iterable[Path]) -> str:
    """One name for what stands in the files, whatever folder the checkout lies in."""
    return digest([(file.name, file.read_text(encoding="utf-8")) for file in files])
