"""Which weights a run publishes, the last or those of its best probe, and which its reward would have picked.

The best probe is the earliest of those with the highest greedy accuracy in domain; a suite that tests has no say in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

IN_DOMAIN = "in_domain"


def deciding_suite(suites: Sequence[str]) -> str | None:
    """The suite whose probes decide: `in_domain`, or the first where that is not probed; None without any."""
    return IN_DOMAIN if IN_DOMAIN in suites else next(iter(suites), None)


def greedy(probes: Iterable[dict], suite: str | None) -> dict[int, dict]:
    """The rows of the table `probes` that decide, by step."""
    decide = {"suite": suite, "condition": "normal", "decoding": "greedy"}
    rows = [row for row in probes if all(row[key] == value for key, value in decide.items())]
    return {row["step"]: row for row in sorted(rows, key=lambda row: row["step"])}


def best_step(probes: Iterable[dict], suite: str | None) -> int | None:
    """The earliest step of the highest greedy accuracy on `suite`; None without probes of it."""
    return highest({step: row["accuracy"] for step, row in greedy(probes, suite).items()})


def since_last(probed: Sequence[int], values: Mapping[int, float | None]) -> list[float]:
    """For each probe, the mean of the steps' values since the probe before it; for step 0 the first step's value.

    probed: steps of the probes, rising. values: by optimizer step, None where a step has none. NaN without any value.
    """
    known = {step: value for step, value in sorted(values.items()) if value is not None}
    found, after = [], 0
    for step in probed:
        here = [value for at, value in known.items() if after < at <= step] if step else list(known.values())[:1]
        found.append(math.fsum(here) / len(here) if here else math.nan)
        after = step
    return found


def reward_step(probes: Iterable[dict], steps: Iterable[dict], suite: str | None) -> int | None:
    """The earliest probe of the highest training reward, as `since_last` gives it; None where no step has a reward."""
    probed = list(greedy(probes, suite))
    rewards = since_last(probed, {row["step"]: row.get("reward") for row in steps})
    return highest(dict(zip(probed, rewards, strict=True)))


def highest(values: Mapping[int, float]) -> int | None:
    """The smallest key of the largest value; NaN has no part in it."""
    return min(
        (step for step, value in values.items() if not math.isnan(value)),
        key=lambda step: (-values[step], step),
        default=None,
    )
