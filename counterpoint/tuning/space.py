"""What is searched for an arm (`tune` in params.yaml), and the parameters of a study with other values for it."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from counterpoint import params
from counterpoint.errors import UserError, nearest

OPTIONS = "options."  # before a key of the method's own options


def section(settings: params.Params, arm: str) -> str:
    """The section of params.yaml that the arm's settings change."""
    return "sft" if params.method(settings, arm).stage == "sft" else "rl"


def ranges(settings: params.Params, arm: str) -> dict[str, params.Range]:
    """What is searched for the arm: key of its section, or `options.KEY` of its method, to range.

    Raises `UserError` that names the key for one that does not exist, for a range that is none, and for one that leaves
    out the arm's own value, with which the first trial runs.
    """
    own, extra = section(settings, arm), settings.tune.arms.get(arm, {})
    merged = {**getattr(settings.tune, own), **extra}
    space = {key: range_ for key, range_ in merged.items() if range_ is not None}
    if not space:
        raise UserError(
            f"params.yaml: tune.{own} and tune.arms.{arm} name nothing to search for arm {arm!r}; add a key"
        )
    for key, range_ in space.items():
        where = f"tune.arms.{arm}.{key}" if key in extra else f"tune.{own}.{key}"
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
    known = [field.name for field in dataclasses.fields(holder)]
    if name not in known:
        of = f"options of the method {params.method(settings, arm).name!r}" if key.startswith(OPTIONS) else "keys"
        raise UserError(f"params.yaml: {where}: {name!r} is not among the {of} of arm {arm!r}{nearest(name, known)}")
    return getattr(holder, name)


def values(settings: params.Params, arm: str, space: Mapping[str, params.Range]) -> dict[str, Any]:
    """The arm's values now of what is searched; of choices, the equal one."""
    found = {key: value(settings, arm, key, key) for key in space}
    return {key: next((one for one in space[key].choices or () if one == now), now) for key, now in found.items()}


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
        place = "options" if key.startswith(OPTIONS) else "settings"
        entry[place] = {**(entry.get(place) or {}), key.removeprefix(OPTIONS): chosen}
    return data
