"""What a reader makes of a log: curves of reward and accuracy over the same probes, and what the log lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from counterpoint.audit import metric_names, series
from counterpoint.audit.series import Series, at
from counterpoint.statistics.reward_parts import accuracy_parts, since_last

SHOWN = 1000  # points of a reward that stands alone


@dataclass(frozen=True)
class SuiteCurve:
    """One suite's probes of one run: `steps`, `reward`, `accuracy`, and each of `gaps` and `metrics` are (probes,), NaN
    where a value was not measured.

    `gaps`: by mechanism, the part of reward − accuracy that it accounts for; `metrics`: what else was logged; `items`:
    (probes, n_items), right or wrong, where it is known. `assumed`: the log does not say how many problems there are.
    """

    run: str
    suite: str
    steps: np.ndarray
    reward: np.ndarray
    accuracy: np.ndarray
    n_items: int
    gaps: Mapping[str, np.ndarray]
    metrics: Mapping[str, np.ndarray]
    items: np.ndarray | None = None
    assumed: bool = False

    @property
    def measured(self) -> bool:
        """Whether there is any accuracy."""
        return bool(np.isfinite(self.accuracy).any())

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
    """A log as read.

    `judge` says whose accuracy it is; `judged_by_reward`: it is a term of the very reward under audit; `main` is the
    suite that decides where there are several, None for all of them together; `checked_by` says who judged the `checks`
    again; `runs` holds what the log itself has of every training step.
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
    runs: tuple[RunMetrics, ...] = ()


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
class Stated:
    """What the user states of a log: held-out problems behind each accuracy, the names of reward and accuracy, and the
    one run that is meant."""

    items: int | None = None
    reward: str | None = None
    accuracy: str | None = None
    run: str | None = None


@dataclass(frozen=True)
class Logged:
    """What lies in a log, before anybody asks what its names mean: by run the values of each metric.

    `folder`: where completions may lie, None where the log is of a kind that has none. Where columns of their own say
    them: `by_suite`, the accuracies of a run, and `items`, by run and suite, the problems behind one.
    """

    kind: str
    path: Path
    runs: Mapping[str, Mapping[str, Series]]
    folder: Path | None = None
    notes: Sequence[str] = ()
    by_suite: Mapping[str, Accuracies] = field(default_factory=dict)
    items: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunMetrics:
    """What a reader took from the log of one run.

    `terms` of the reward on training prompts, `held_out` the same by suite on held-out prompts, `weights` of the terms,
    None where unknown; `strict` is the accuracy of the training completions; `items`, by suite, the problems behind an
    accuracy; `how_to_log` says how to log what is missing.
    """

    reward: Series
    metrics: Mapping[str, Series]
    accuracies: Accuracies
    saved: SavedCompletions
    how_to_log: str
    run: str = ""
    terms: Mapping[str, Series] = field(default_factory=dict)
    held_out: Mapping[str, Mapping[str, Series]] = field(default_factory=dict)
    strict: Series = field(default_factory=dict)
    weights: Mapping[str, float] | None = None
    items: Mapping[str, int | None] = field(default_factory=dict)


def run_log(
    kind: str, path: Path, runs: Sequence[RunMetrics], stated_items: int | None, notes: Sequence[str] = ()
) -> RunLog:
    """The log of the runs in one file or folder. Saved completions stand in for an accuracy that was not logged.

    stated_items: the number of held-out problems where the user states it. Raises `UserError` for an accuracy that is
    none.
    """
    notes, missing, curves = [*notes], [], []
    for run in runs:
        accuracies, saved, items = run.accuracies, run.saved, stated_items
        if not accuracies.by_suite and saved.checks:
            accuracies = Accuracies({"": saved.right}, f"{saved.judge}, not on held-out problems")
            items = items or min(check.number for check in saved.checks)
        missing += [saved.missing] if saved.missing else []
        for suite, accuracy in (accuracies.by_suite or {"": {}}).items():
            curves.append(_curve(path, run, suite, accuracy, items or run.items.get(suite), notes, missing))
        if not run.terms:
            missing.append("the terms of the reward are not in the log: its gap cannot be split by term")
        elif not run.weights:
            missing.append("the logged reward terms do not add up to the reward: its gap cannot be split by term")
        if not accuracies.by_suite:
            missing.append(f"no accuracy in this log: {run.how_to_log}")
    return RunLog(
        kind, path, accuracies.judge, accuracies.judged_by_reward, tuple(curves), saved.checks,
        tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(missing)), checked_by=saved.judge, runs=tuple(runs),
    )  # fmt: skip


def _curve(
    path: Path, run: RunMetrics, suite: str, accuracy: Series, items: int | None, notes: list[str], missing: list[str]
) -> SuiteCurve:
    """The curve over the steps of `accuracy`, or, where there is none, over `SHOWN` of the reward's; what a report must
    say of it is added to `notes` and `missing`."""
    probes, guess = np.array(sorted(accuracy or run.reward)), []
    if accuracy:
        accuracy, percent = series.shares(path, f"the accuracy {run.run} {suite}".strip(), accuracy)
        items, guess = series.number_of_items(items, accuracy)
        notes += ["accuracy was given in per cent"] if percent else []
        missing += guess
    elif len(probes) > SHOWN:
        probes = probes[np.linspace(0, len(probes) - 1, SHOWN).astype(int)]
    scores = at(accuracy, probes)
    logged = metric_names.shown(run.metrics)
    metrics = {title: since_last(probes, logged[title]) for title in metric_names.ON_PAGE if title in logged}
    reward, parts = since_last(probes, run.reward), gaps(run, suite, probes, scores)
    return SuiteCurve(run.run, suite, probes, reward, scores, items or 1, parts, metrics, assumed=bool(guess))


def gaps(run: RunMetrics, suite: str, probes: np.ndarray, accuracy: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of reward − accuracy (probes,) by mechanism, as counterpoint.statistics.reward_parts has them.

    A term claims that an answer is right unless its name speaks of form or length.
    """
    if not run.weights:
        return {}
    kinds: dict[str, list[str]] = {}
    for name in run.weights:
        kinds.setdefault(metric_names.kind_of_term(name), []).append(name)
    paid = {name: weight * since_last(probes, run.terms[name]) for name, weight in run.weights.items()}
    parts = {kind: sum(paid[name] for name in names) for kind, names in kinds.items() if kind != "accuracy"}
    claims = {name: run.weights[name] for name in kinds.get("accuracy", []) if run.weights[name]}
    if not claims:
        return parts
    held_out = run.held_out.get(suite, {})
    return parts | accuracy_parts(
        sum(claims.values()),
        sum(paid[name] for name in claims),
        accuracy,
        strict=since_last(probes, run.strict) if run.strict else None,
        held_out=sum(weight * at(held_out[name], probes) for name, weight in claims.items())
        if all(held_out.get(name) for name in claims)
        else None,
    )
