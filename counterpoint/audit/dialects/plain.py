"""Names that anybody would give: `reward`, `accuracy`, `val_acc`."""

from __future__ import annotations

from counterpoint.audit import metric_names
from counterpoint.audit.dialects.dialect import Dialect, Metrics, Parts
from counterpoint.audit.log import Accuracies


def held_out(metrics: Metrics, bare: bool = False) -> Accuracies | None:
    """The accuracy by its usual name; `bare`: also one that does not say that it is held out."""
    usual = (*metric_names.HELD_OUT, *metric_names.BARE) if bare else metric_names.HELD_OUT
    name = next((name for name in usual if metrics.get(name)), None)
    return Accuracies({"": metrics[name]}, f"the log's own {name}") if name else None


def rewards_own(by_suite: Metrics) -> Accuracies:
    """The reward on held-out prompts in place of an accuracy, where all its values are shares."""
    shares = {
        suite: values
        for suite, values in by_suite.items()
        if values and 0 <= min(values.values()) <= max(values.values()) <= 1
    }
    return Accuracies(shares, "the reward itself on held-out prompts", True) if shares else Accuracies({})


DIALECT = Dialect(
    knows=lambda name: False,
    rewards=("reward", *metric_names.REWARD),
    parts=lambda metrics: Parts(),
    accuracies=lambda metrics, parts, weights: held_out(metrics, bare=True) or Accuracies({}),
    how_to_log="add a column `accuracy`, measured beside the reward",
    unsaved="no completions lie beside the log",
)
