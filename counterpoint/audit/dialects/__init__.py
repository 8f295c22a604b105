"""What the names of metrics mean: decided once for TRL, verl and plain names, whatever kind of file carries them.

The readers bring numbers by step and know nothing of their meaning. A dialect says which of them is the reward, which
are its terms, in training and on held-out prompts, and which is a held-out accuracy, and whose.
"""

from __future__ import annotations

from collections.abc import Iterable

from counterpoint.audit import saved, series
from counterpoint.audit.dialects import plain, stated, trl, verl
from counterpoint.audit.dialects.dialect import Dialect, Metrics, Parts, Weights
from counterpoint.audit.log import Logged, RunLog, RunMetrics, SavedCompletions, Stated, run_log
from counterpoint.audit.series import Series
from counterpoint.errors import UserError

_PREFIXES = (("train/", ""), ("eval/eval_", "eval_"), ("eval/", "eval_"), ("test/", "test_"))


def of(names: Iterable[str]) -> Dialect:
    """The dialect of a log with metrics of these names."""
    names = list(names)
    return next((dialect for dialect in (verl.DIALECT, trl.DIALECT) if any(map(dialect.knows, names))), plain.DIALECT)


def understood(logged: Logged, user: Stated) -> RunLog:
    """The log of what a reader brought. Raises `UserError` where no reward is there, or nothing of a name that the user
    states, and for an accuracy that is none."""
    if user.run is not None and user.run not in logged.runs:
        names = stated.listed(run for run in logged.runs if run)
        raise UserError(f"{logged.path}: no run {user.run!r:.60} (--run); it has: {names or 'one run without a name'}")
    notes = list(logged.notes)
    runs = [_run(logged, run, user, notes) for run in logged.runs if user.run in (None, run)]
    judged = [run for run in runs if run.accuracies.by_suite]
    if judged and len(judged) < len(runs):
        without = stated.listed(run.run for run in runs if run not in judged)
        notes.append(f"left out, for they have no accuracy: {without}")
        runs = judged
    if len(runs) > 1:
        names = stated.listed(run.run for run in runs)
        notes.append(f"{len(runs)} runs, pooled as seeds of one recipe (--run takes one): {names}")
    return run_log(logged.kind, logged.path, runs, user.items, notes)


def _run(logged: Logged, run: str, user: Stated, notes: list[str]) -> RunMetrics:
    dialect, metrics = of(logged.runs[run]), _short(logged.runs[run])
    name = stated.reward(logged.path, metrics, dialect.rewards, user.reward)
    reward = series.finite(logged.path, name, metrics[name])
    parts = dialect.parts(metrics)
    weights = series.weights(metrics.get(dialect.sum_of_terms, reward), parts.terms)
    accuracies = dialect.accuracies(metrics, parts, weights)
    if run in logged.by_suite:
        accuracies = logged.by_suite[run]
    elif user.accuracy:
        accuracies = stated.accuracy(logged.path, metrics, user.accuracy, name, parts, weights, accuracies)
    completions = _completions(logged, dialect, parts)
    notes += _notes(name, parts, weights, metrics)
    return RunMetrics(
        reward=reward,
        metrics=metrics,
        accuracies=accuracies,
        saved=completions,
        how_to_log=dialect.how_to_log + stated.evaluations(metrics),
        run=run,
        terms=parts.terms,
        held_out=parts.held_out,
        strict=parts.strict or completions.right,  # of the very completions that earned the reward
        weights=weights,
        items={suite: trl.evaluated(metrics, suite) for suite in accuracies.by_suite} | dict(logged.items.get(run, {})),
    )


def _short(metrics: Metrics) -> dict[str, Series]:
    """The metrics as the trainer names them, without the prefixes for trackers: `train/reward`, `eval/accuracy`."""
    short: dict[str, Series] = {}
    for name, values in metrics.items():
        begin, instead = next((pair for pair in _PREFIXES if name.startswith(pair[0])), ("", ""))
        renamed = instead + name.removeprefix(begin)
        short[name if renamed in metrics else renamed] = values
    return short


def _completions(logged: Logged, dialect: Dialect, parts: Parts) -> SavedCompletions:
    """The run's completions, judged, or why there are none."""
    if logged.folder is None:
        return SavedCompletions(missing=f"completions are not in a {logged.kind}: the reward's judge cannot be checked")
    return saved.completions_in(logged.folder, parts.evaluated) or SavedCompletions(
        missing=f"{dialect.unsaved}: the reward's judge cannot be checked"
    )


def _notes(reward: str, parts: Parts, weights: Weights, metrics: Metrics) -> list[str]:
    notes = [] if reward == "reward" else [f"reward: {reward}"]
    if weights:
        shown = ", ".join(f"{weight:g} × {term}" for term, weight in weights.items())
        notes.append(f"the reward is {shown} (weights found from the log)")
        if untold := ", ".join(term for term in parts.terms if term not in weights):
            notes.append(f"the same at every step, so of unknown weight: {untold}")
    held_out = list(metrics.get("eval_reward", {}).values())
    if len(held_out) > 1:
        notes.append(
            f"eval_reward went from {held_out[0]:.3g} to {held_out[-1]:.3g}; it is the reward on held-out prompts, by "
            "the reward's own judge, and no accuracy"
        )
    return notes
