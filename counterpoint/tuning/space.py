"""What is searched for an arm (`tune` in params.yaml), the next values to try, and a study's parameters with them.

Optuna's tree-structured Parzen estimator proposes the next values (TPE; Bergstra et al., NeurIPS 2011). Its study lives
for one question: it is filled with the trials so far and asked for one more, by a generator seeded with the trial's
number. So a proposal depends on the trials before it alone, whichever process made them.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from counterpoint import params
from counterpoint.errors import UserError, nearest
from counterpoint.tuning.trial import DIVERGED, DONE, Trial

OPTIONS = "options."  # before a key of the method's own options
STARTUP = 4  # trials before TPE has a say, the study's own values among them; Optuna's 10 would leave it none of eight


def section(settings: params.Params, arm: str) -> str:
    """The section of params.yaml that the arm's settings change."""
    return "sft" if params.method(settings, arm).stage == "sft" else "rl"


def ranges(settings: params.Params, arm: str) -> dict[str, params.Range]:
    """What is searched for the arm: key of its section, or `options.KEY` of its method, to range.

    Raises `UserError` that names the key for one that does not exist, for a range that is none, and for one that leaves
    out the arm's own value, with which the first trial runs.
    """
    name, of_arm = section(settings, arm), settings.tune.arms.get(arm, {})
    merged = {**getattr(settings.tune, name), **of_arm}
    space = {key: range_ for key, range_ in merged.items() if range_ is not None}
    if not space:
        raise UserError(
            f"params.yaml: tune.{name} and tune.arms.{arm} name nothing to search for arm {arm!r}; add a key"
        )
    for key, range_ in space.items():
        where = f"tune.arms.{arm}.{key}" if key in of_arm else f"tune.{name}.{key}"
        if not _is_range(range_):
            raise UserError(
                f"params.yaml: {where} must be {{low: …, high: …}} with low below high (above 0 with log: true), or "
                "{choices: […]} of two different values or more"
            )
        now = value(settings, arm, key, where)
        if not holds(range_, now):
            raise UserError(f"params.yaml: {where} leaves out {now!r}, the value that arm {arm!r} has now; widen it")
    return space


def _is_range(range_: params.Range) -> bool:
    low, high, choices = range_.low, range_.high, range_.choices
    if choices is not None:
        return low is None and high is None and len(set(map(repr, choices))) == len(choices) > 1
    return low is not None and high is not None and low < high and (low > 0 or not range_.log)


def value(settings: params.Params, arm: str, key: str, where: str) -> Any:
    """The arm's value of a key now. Raises `UserError` naming `where` it was asked for when there is no such key."""
    holder = params.options(settings, arm) if key.startswith(OPTIONS) else params.settings(settings, arm)
    name = key.removeprefix(OPTIONS)
    fields = [field.name for field in dataclasses.fields(holder)]
    if name not in fields:
        of = f"options of the method {params.method(settings, arm).name!r}" if key.startswith(OPTIONS) else "keys"
        raise UserError(f"params.yaml: {where}: {name!r} is not among the {of} of arm {arm!r}{nearest(name, fields)}")
    return getattr(holder, name)


def values(settings: params.Params, arm: str, space: Mapping[str, params.Range]) -> dict[str, Any]:
    """The arm's values now of what is searched; of choices, the equal one."""
    values_now = {key: value(settings, arm, key, key) for key in space}
    for key, now in values_now.items():
        values_now[key] = next((choice for choice in space[key].choices or () if choice == now), now)
    return values_now


def holds(range_: params.Range, chosen: Any) -> bool:
    """Whether a value lies in the range."""
    if range_.choices is not None:
        return chosen in range_.choices
    return isinstance(chosen, int | float) and range_.low <= chosen <= range_.high


def corners(space: Mapping[str, params.Range]) -> list[dict[str, Any]]:
    """Each end and each choice alone, as values to try whether params.yaml allows them."""
    return [
        {key: end}
        for key, range_ in space.items()
        for end in (range_.choices if range_.choices is not None else (range_.low, range_.high))
    ]


def middle(range_: params.Range) -> float:
    """The mean of what is drawn from a range of numbers while nothing is known."""
    if range_.choices is not None:
        return math.fsum(range_.choices) / len(range_.choices)
    low, high = range_.low, range_.high
    return (high - low) / math.log(high / low) if range_.log else (low + high) / 2


def changed(data: Mapping[str, Any], arm: str, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters `data`, as plain mappings, with the arm's values replaced by those drawn."""
    data = copy.deepcopy(dict(data))
    entry = data["arms"][arm]
    for key, chosen in drawn.items():
        part = "options" if key.startswith(OPTIONS) else "settings"
        entry[part] = {**(entry.get(part) or {}), key.removeprefix(OPTIONS): chosen}
    return data


def propose(space: Mapping[str, params.Range], tried: Sequence[Trial], seed: int) -> dict[str, Any]:
    """Values for the trial after those `tried`, which have ended.

    A trial that diverged counts as worse than any that did not; one that failed for another reason tells nothing.
    """
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    over = {
        key: CategoricalDistribution(range_.choices)
        if range_.choices is not None
        else FloatDistribution(range_.low, range_.high, log=range_.log)
        for key, range_ in space.items()
    }
    sampler = optuna.samplers.TPESampler(seed=seed + len(tried), n_startup_trials=STARTUP, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    states = {DONE: TrialState.COMPLETE, DIVERGED: TrialState.PRUNED}
    for trial in tried:
        state = states.get(trial.state, TrialState.FAIL)
        score = trial.accuracy if trial.state == DONE else None
        study.add_trial(create_trial(state=state, value=score, params=dict(trial.values), distributions=over))
    return {key: _short(space[key], drawn) for key, drawn in study.ask(fixed_distributions=over).params.items()}


def _short(range_: params.Range, drawn: Any) -> Any:
    """A drawn number to three digits, so that what a study is given is what was tried; a choice as it is."""
    return drawn if range_.choices is not None else min(max(float(f"{drawn:.3g}"), range_.low), range_.high)
