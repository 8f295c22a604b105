"""What a reader makes of a log: curves of reward and accuracy over the same probes, and what the log lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from counterpoint.audit import metric_names, series
from counterpoint.audit.series import Series, at, since

SHOWN = 1000  # points of a reward that stands alone


@dataclass(frozen=True)
class SuiteCurve:
    """One suite's probes of one run, (probes,) each, NaN where a value was not measured.

    `gaps`: by mechanism, the part of reward − accuracy that it accounts for; `metrics`: what else was logged; `items`:
    (probes, n_items), right or wrong, where it is known.
    """

    run: str
    suite: str
    steps: np.ndarray
    reward: np.ndarray
    accuracy: np.ndarray
    n_items: int
    gaps: Mapping[str, np.ndarray] = field(default_factory=dict)
    metrics: Mapping[str, np.ndarray] = field(default_factory=dict)
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
class RunLog:
    """A run's log as read.

    `judge` says whose accuracy it is; `judged_by_reward`: it is a term of the very reward under audit; `main` is the
    suite that decides where there are several, None for all of them together; `checked_by` says who judged the `checks`
    again.
    """

    kind: str
    path: Path
    judge: str
    judged_by_reward: bool
    curves: tuple[SuiteCurve, ...]
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    main: str | None = None
    checked_by: str = ""


@dataclass(frozen=True)
class Parts:
    """What is known of the reward beside its sum, each by step.

    `terms` and `held_out`: the terms on training and on held-out prompts; `strict`: accuracy of the training
    completions themselves; `weights` of the terms, None where unknown.
    """

    terms: Mapping[str, Series] = field(default_factory=dict)
    held_out: Mapping[str, Series] = field(default_factory=dict)
    strict: Series = field(default_factory=dict)
    weights: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Accuracies:
    """Accuracy by suite, whose judgement it is, and whether it is a term of the reward under audit."""

    by_suite: Mapping[str, Series]
    judge: str = ""
    judged_by_reward: bool = False


@dataclass(frozen=True)
class SavedCompletions:
    """Saved training completions, judged again: the checks and who judged, or why there are none."""

    checks: tuple[Check, ...] = ()
    judge: str = ""
    missing: str = ""

    @property
    def right(self) -> Series:
        """The share that is right, by step."""
        return {check.step: check.right for check in self.checks}


@dataclass(frozen=True)
class Reading:
    """What a reader found of one run's metrics by step.

    `held_out` (terms on held-out prompts) and `items` (problems behind an accuracy) are by suite; `strict` is the
    accuracy of the training completions; `how_to_log` says how this framework logs an accuracy.
    """

    kind: str
    path: Path
    reward: Series
    metrics: Mapping[str, Series]
    terms: Mapping[str, Series]
    held_out: Mapping[str, Mapping[str, Series]]
    strict: Series
    weights: Mapping[str, float] | None
    accuracies: Accuracies
    saved: SavedCompletions
    how_to_log: str
    items: Mapping[str, int | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def run_log(reading: Reading, stated_items: int | None) -> RunLog:
    """The log of one run. Saved completions stand in for an accuracy that was not logged.

    stated_items: the number of held-out problems where the user states it. Raises `UserError` for an accuracy that is
    none.
    """
    accuracies, saved = reading.accuracies, reading.saved
    if not accuracies.by_suite and saved.checks:
        accuracies = Accuracies({"": saved.right}, f"{saved.judge}, not on held-out problems")
        stated_items = stated_items or min(check.number for check in saved.checks)
    notes, missing = [*reading.notes], [saved.missing] if saved.missing else []
    curves = []
    for suite, accuracy in (accuracies.by_suite or {"": {}}).items():
        parts = Parts(reading.terms, reading.held_out.get(suite, {}), reading.strict, reading.weights)
        n_items = (stated_items, reading.items.get(suite))
        curves.append(curve(reading.path, ("", suite), reading.reward, accuracy, n_items, notes, missing, parts,
                            reading.metrics))  # fmt: skip
    if not reading.terms:
        missing.append("the terms of the reward are not in the log: its gap cannot be split by term")
    elif not reading.weights:
        missing.append("the logged reward terms do not add up to the reward: its gap cannot be split by term")
    if not accuracies.by_suite:
        missing.append(f"no accuracy in this log: {reading.how_to_log}")
    return RunLog(
        reading.kind, reading.path, accuracies.judge, accuracies.judged_by_reward, tuple(curves), saved.checks,
        tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(missing)), checked_by=saved.judge,
    )  # fmt: skip


def curve(
    path: Path,
    key: tuple[str, str],
    reward: Series,
    accuracy: Series,
    n_items: tuple[int | None, int | None],
    notes: list[str],
    missing: list[str],
    parts: Parts | None = None,
    metrics: Mapping[str, Series] | None = None,
) -> SuiteCurve:
    """The curve of (run, suite) over the steps of `accuracy`, or, where there is none, over `SHOWN` of the reward's.

    n_items: the problems behind an accuracy by the user's word and by the log's. What a report must say of accuracy and
    problems is added to `notes` and `missing`. Raises `UserError` as `series.shares` does.
    """
    probes, number = np.array(sorted(accuracy or reward)), 1
    if accuracy:
        accuracy, percent = series.shares(path, f"the accuracy {' '.join(key)}".strip(), accuracy)
        number, guess = series.number_of_items(*n_items, accuracy)
        notes += ["accuracy was given in per cent"] if percent else []
        missing += guess
    elif len(probes) > SHOWN:
        probes = probes[np.linspace(0, len(probes) - 1, SHOWN).astype(int)]
    scores = at(accuracy, probes)
    shown = {}
    for title, names in metric_names.SHOWN.items():
        if values := next((metrics[name] for name in names if (metrics or {}).get(name)), None):
            shown[title] = since(values, probes)
    return SuiteCurve(
        *key, probes, since(reward, probes), scores, number, gaps(parts or Parts(), probes, scores), shown
    )


def gaps(parts: Parts, probes: np.ndarray, accuracy: np.ndarray) -> dict[str, np.ndarray]:
    """Parts of reward − accuracy (probes,) by mechanism.

    reward = Σ format terms + Σ length terms + w (claimed − strict) + w (strict − accuracy) + w accuracy, where
    `claimed` is what the terms that claim correctness pay and w is their weight. The third part is the verifier's, the
    fourth is memorisation. Where the training completions were not judged strictly, the claims on held-out prompts
    stand between: w (claimed − claimed held out) is memorisation, w (claimed held out − accuracy) the verifier's.
    """
    if not parts.weights:
        return {}
    kinds: dict[str, list[str]] = {}
    for name in parts.weights:
        kinds.setdefault(metric_names.kind_of_term(name), []).append(name)
    found = {
        kind: sum(parts.weights[name] * since(parts.terms[name], probes) for name in names)
        for kind, names in kinds.items()
        if kind != "accuracy"
    }
    claims = [name for name in kinds.get("accuracy", []) if parts.weights[name]]
    if not claims:
        return found
    weight = sum(parts.weights[name] for name in claims)
    claimed = sum(parts.weights[name] * since(parts.terms[name], probes) for name in claims)
    if parts.strict:
        strict = weight * since(parts.strict, probes)
        return found | {"verifier": claimed - strict, "memorisation": strict - weight * accuracy}
    if all(parts.held_out.get(name) for name in claims):
        held_out = sum(parts.weights[name] * at(parts.held_out[name], probes) for name in claims)
        return found | {"verifier": held_out - weight * accuracy, "memorisation": claimed - held_out}
    return found
