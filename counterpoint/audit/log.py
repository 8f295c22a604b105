"""What every reader makes of a run: curves of reward and accuracy over the same probes, and what the log lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ITEMS = 100  # problems behind an accuracy, where nothing tells how many


@dataclass(frozen=True)
class Curve:
    """One suite's probes of one run, (probes,) each, NaN where a value was not measured.

    `gaps`: by mechanism, the part of reward − accuracy that it accounts for; `beside`: what else was logged; `items`:
    (probes, n_items), right or wrong, where it is known.
    """

    run: str
    suite: str
    steps: np.ndarray
    reward: np.ndarray
    accuracy: np.ndarray
    n_items: int
    gaps: Mapping[str, np.ndarray] = field(default_factory=dict)
    beside: Mapping[str, np.ndarray] = field(default_factory=dict)
    items: np.ndarray | None = None

    @property
    def name(self) -> str:
        """Run and suite, where they have names."""
        return " · ".join(part for part in (self.run, self.suite) if part)


@dataclass(frozen=True)
class Check:
    """Completions of one step under two judges, as shares of `number`: what the reward pays and what is right.

    `paid`, `false_positive` (paid and wrong) and `false_negative` (unpaid and right) are NaN where the completions do
    not tell what was paid.
    """

    step: int
    number: int
    right: float
    parsed: float
    paid: float
    false_positive: float
    false_negative: float


@dataclass(frozen=True)
class Log:
    """A run's log as read.

    `judge` says whose accuracy it is; `own`: it is a term of the very reward under audit; `main` is the suite that
    decides where there are several, None for all of them together; `checked_by` says who judged
    the `checks` again.
    """

    kind: str
    path: Path
    judge: str
    own: bool
    curves: tuple[Curve, ...]
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    main: str | None = None
    checked_by: str = ""
