"""The reward and the accuracy that the user names, and the names that could be meant where none is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from counterpoint.audit import metric_names
from counterpoint.audit.dialects.dialect import Metrics, Parts, Weights, counts
from counterpoint.audit.log import Accuracies
from counterpoint.errors import UserError

LISTED = 12  # names that a message lists
_REWARD = re.compile(r"reward|score|return", re.IGNORECASE)
_PART = re.compile(r"std|/m(?:in|ax)|_m(?:in|ax)|zero|kl|^eval|^val|^test", re.IGNORECASE)
_HELD_OUT = re.compile(r"(?:eval|val|test|held)[-_/]?.*", re.IGNORECASE)
_NO_SHARE = re.compile(
    r"loss|runtime|per_second|length|tokens|clip|entropy|epoch|step|reward|std|kl$|time|completions", re.IGNORECASE
)


def reward(path: Path, metrics: Metrics, usual: Sequence[str], stated: str | None) -> str:
    """The reward's name: as stated, else the first usual one. Raises `UserError` where there is none."""
    if stated:
        return _named(path, metrics, stated, "--reward")
    if name := next((name for name in usual if metrics.get(name)), None):
        return name
    likely = [name for name in metrics if _REWARD.search(name) and not _PART.search(name)]
    if likely:
        raise UserError(f"{path}: no reward in it that is known; say which with --reward: {listed(likely)}")
    raise UserError(
        f"{path}: no reward in it; was this run trained by RL? --reward names another metric (it has: "
        f"{listed(metrics)})"
    )


def accuracy(
    path: Path, metrics: Metrics, stated: str, reward: str, parts: Parts, weights: Weights, usual: Accuracies
) -> Accuracies:
    """The accuracy that the user names, and whether it is the reward's own. Raises `UserError` where it is missing."""
    name = _named(path, metrics, stated, "--accuracy")
    if name == reward:
        raise UserError(f"{path}: --accuracy {name} is the reward itself; name another metric")
    values = metrics[name]
    for suite, series in usual.by_suite.items():
        if series is values:
            return replace(usual, by_suite={suite: values})
    terms = [term for terms in parts.held_out.values() for term, series in terms.items() if series is values]
    own = name in (reward, f"eval_{reward}", f"eval_eval_{reward}") or any(counts(weights, term) for term in terms)
    return Accuracies({"": values}, f"{name}, as stated" + (", which the reward counts" if own else ""), own)


def evaluations(metrics: Metrics) -> str:
    """What a message on a missing accuracy adds: the metrics that may be one."""
    likely = [
        name
        for name, values in metrics.items()
        if (_HELD_OUT.fullmatch(name) or metric_names.suite_of_accuracy(name) == "") and not _NO_SHARE.search(name)
        and values and 0 <= min(values.values()) <= max(values.values()) <= 100
    ]  # fmt: skip
    return f"; or state one of its metrics with --accuracy: {listed(likely)}" if likely else ""


def _named(path: Path, metrics: Metrics, stated: str, option: str) -> str:
    """The metric of that name, in any case, with or without the prefix of a tracker."""
    lower = stated.lower()
    wanted = {lower, lower.removeprefix("train/"), re.sub("^eval/(?:eval_)?", "eval_", lower)}
    if name := next((name for name in metrics if name == stated), None):
        return name
    if name := next((name for name in metrics if name.lower() in wanted), None):
        return name
    raise UserError(f"{path}: no metric {stated!r:.60} ({option}); it has: {listed(metrics)}")


def listed(names: Iterable[str]) -> str:
    """The names, at most `LISTED`, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(name[:60] for name in names[:LISTED]) + more
