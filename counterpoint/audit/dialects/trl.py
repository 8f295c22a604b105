"""The names of TRL (GRPOTrainer.log of 1.16, and the older `rewards/NAME` and `completion_length`) and of ms-swift, and
those of OpenRLHF, whose evaluation `eval_SOURCE_pass1` is its reward on held-out prompts."""

from __future__ import annotations

import re
from collections import Counter

from counterpoint.audit import metric_names
from counterpoint.audit.dialects import plain
from counterpoint.audit.dialects.dialect import Dialect, Metrics, Parts, Weights, counts
from counterpoint.audit.log import Accuracies
from counterpoint.audit.series import Series

HELD_OUT = "eval_"
MOST = 10_000_000  # problems of an evaluation
_TERM = re.compile(r"(?:(?P<suite>.+)[_/])?rewards/(?P<name>.+?)(?:/mean)?")
_PASS1 = re.compile(r"(?:(?P<suite>.+)_)?pass1")
_OWN = re.compile(r"(?:train|eval|rewards|completions)/.+|frac_reward_zero_std|eval_(?:.+_)?pass1")


def _parts(metrics: Metrics) -> Parts:
    train = {name: values for name, values in metrics.items() if not name.startswith(HELD_OUT)}
    held_out = _held_out(metrics)
    of_training = (values for name, values in train.items() if metric_names.suite_of_accuracy(name) == "")
    return Parts(
        terms=_terms(train).get("", {}),
        held_out=_terms(held_out),
        strict=next(of_training, {}),
        evaluated=frozenset(step for values in held_out.values() for step in values),
    )


def _held_out(metrics: Metrics) -> dict[str, Series]:
    return {name.removeprefix(HELD_OUT): values for name, values in metrics.items() if name.startswith(HELD_OUT)}


def _suite(name: str) -> str | None:
    """The suite whose held-out accuracy a metric is, None for any other."""
    return metric_names.suite_of_accuracy(name.removeprefix(HELD_OUT)) if name.startswith(HELD_OUT) else None


def _terms(metrics: Metrics) -> dict[str, dict[str, Series]]:
    """By suite the means of the reward's terms."""
    by_suite: dict[str, dict[str, Series]] = {}
    for name, values in metrics.items():
        match = _TERM.fullmatch(name)
        if match and not name.endswith("/std"):
            by_suite.setdefault(match["suite"] or "", {})[match["name"]] = values
    return by_suite


def _accuracies(metrics: Metrics, parts: Parts, weights: Weights) -> Accuracies:
    """Held-out accuracy: a metric of its own first, then a reward function named for it, uncounted ones first, then the
    reward of an evaluation that is called pass@1."""
    logged = {suite: values for name, values in metrics.items() if (suite := _suite(name)) is not None}
    if logged:
        return Accuracies(logged, "the run's own evaluation metric")
    if other := plain.held_out(metrics):
        return other
    for counted, remark in ((False, ", of weight 0 in the reward"), (True, ", which the reward counts")):
        by_suite, judge = {}, ""
        for suite, terms in parts.held_out.items():
            for name, values in terms.items():
                if metric_names.says_accuracy(name) and counts(weights, name) is counted:
                    by_suite[suite] = values
                    judge = f"the reward function {name} on held-out prompts{remark}"
        if by_suite:
            return Accuracies(by_suite, judge, judged_by_reward=counted)
    passed = ((_PASS1.fullmatch(name), values) for name, values in _held_out(metrics).items())
    return plain.rewards_own({match["suite"] or "": values for match, values in passed if match})


def evaluated(metrics: Metrics, suite: str) -> int | None:
    """Problems of an evaluation: as `HeldOutAccuracy` counts them, else its runtime times its speed."""
    counted = metrics.get(f"{HELD_OUT}{suite}_accuracy_n" if suite else f"{HELD_OUT}accuracy_n", {})
    if numbers := [round(number) for number in counted.values() if 1 <= number <= MOST]:
        return min(numbers)
    prefix = f"{HELD_OUT}{suite}_" if suite and f"{HELD_OUT}{suite}_runtime" in metrics else HELD_OUT
    times, speeds = metrics.get(f"{prefix}runtime", {}), metrics.get(f"{prefix}samples_per_second", {})
    products = (times[step] * speeds[step] for step in times if step in speeds)
    often = Counter(round(number) for number in products if 0.5 < number <= MOST)
    return max(often, key=lambda number: (often[number], -number), default=None)


DIALECT = Dialect(
    knows=lambda name: bool(_OWN.fullmatch(name) or (_suite(name) and name not in metric_names.HELD_OUT)),
    rewards=("reward", *metric_names.REWARD),
    parts=_parts,
    accuracies=_accuracies,
    how_to_log="log an eval metric beside the reward (in a reward function: log_metric('accuracy', …), with an "
    "eval_dataset)",
    unsaved="no completions were saved (log_completions)",
)
