"""The names of verl (`verl/trainer/ppo/metric_utils.py`) and of EasyR1, where the reward's terms are `reward/NAME`."""

from __future__ import annotations

import re

from counterpoint.audit import metric_names
from counterpoint.audit.dialects import plain
from counterpoint.audit.dialects.dialect import Dialect, Metrics, Parts, Weights, counts
from counterpoint.audit.log import Accuracies
from counterpoint.audit.series import Series

REWARDS = ("critic/rewards/mean", "critic/score/mean", "reward/overall", "reward/mean")
_OWN = re.compile(
    r"(?:critic|actor|val-core|val-aux|reward|response_length|timing_s)/.+|val/(?:.+_reward|reward_score|test_score/.+)"
)
_VALIDATED = re.compile(r"val(?:-core|-aux)?/(?:(?P<suite>.+)/)?(?P<name>[^/]+)/mean@(?P<samples>\d+)")


def _parts(metrics: Metrics) -> Parts:
    terms = {
        name.removeprefix("reward/"): values
        for name, values in metrics.items()
        if name.startswith("reward/") and name not in REWARDS
    }
    held_out = {
        name.removeprefix("val/").removesuffix("_reward"): values
        for name, values in metrics.items()
        if name.startswith("val/") and name.endswith("_reward")
    }
    return Parts(terms, {"": held_out})


def _accuracies(metrics: Metrics, parts: Parts, weights: Weights) -> Accuracies:
    """Held-out accuracy by data source: a metric of its own, else a term of the reward, else the reward itself."""
    free: dict[str, Series] = {}
    of_reward: dict[str, Series] = {}
    for name, values in metrics.items():
        if match := _VALIDATED.fullmatch(name):
            suite = match["suite"] or ""
            if metric_names.suite_of_accuracy(match["name"]) == "":
                free[suite] = values
            elif match["name"] in ("reward", "score"):
                of_reward.setdefault(suite, values)
        elif name.startswith("val/test_score/"):
            of_reward.setdefault(name.removeprefix("val/test_score/"), values)
        elif name.startswith("val/"):
            suite = metric_names.suite_of_accuracy(name.removeprefix("val/"))
            if suite is not None:
                free[suite] = values
    if free:
        return Accuracies(free, "the `acc` that the reward function itself returned on held-out prompts", True)
    if "accuracy" in parts.held_out[""]:
        counted = counts(weights, "accuracy")
        judge = "the reward function's accuracy on held-out prompts" + (", which the reward counts" if counted else "")
        return Accuracies({"": parts.held_out[""]["accuracy"]}, judge, counted)
    return plain.held_out(metrics, bare=True) or plain.rewards_own(of_reward)


DIALECT = Dialect(
    knows=lambda name: bool(_OWN.fullmatch(name)),
    rewards=(*REWARDS, "reward", *metric_names.REWARD),
    parts=_parts,
    accuracies=_accuracies,
    how_to_log="return an `acc` beside `score` from the reward function, with test_freq set",
    unsaved="no rollouts were saved (trainer.rollout_data_dir)",
    sum_of_terms="reward/overall",
)
