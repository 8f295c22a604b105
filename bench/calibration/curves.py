"""Simulated curves of training runs whose truth is known: reward and held-out accuracy at each probe.

Accuracy is counted on items, the same at every probe: an item is right where the run's ability, on the probit scale,
exceeds the item's difficulty (which stays) plus fresh luck. Ability follows the planted course plus a wobble of the
run, first-order autoregressive; so does the reward around its own course.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STAYS = 0.7  # share of an item's variance that is the same at every probe
WOBBLE = 0.015  # standard deviation of the run's wobble, in shares of the items and in units of reward
START = 0.4


@dataclass(frozen=True)
class Kind:
    """A shape of run: the courses of reward and of accuracy over 0 to 1, given a size, and whether it deceives."""

    deceptive: bool
    reward: Callable[[np.ndarray, float], np.ndarray]
    accuracy: Callable[[np.ndarray, float], np.ndarray]


def saturating(times: np.ndarray, scale: float = 0.2) -> np.ndarray:
    """A course from 0 to 1 that levels off, over `times` from 0 to 1."""
    return (1 - np.exp(-times / scale)) / (1 - np.exp(-1 / scale))


# `size` is the change of accuracy, as a share: a rise where honest, a fall where deceptive
KINDS = {
    "steady": Kind(False, lambda t, d: 2 * d * t, lambda t, d: d * t),
    "saturating": Kind(False, lambda t, d: 2 * d * saturating(t), lambda t, d: d * saturating(t)),
    "fast reward": Kind(False, lambda t, d: 2 * d * saturating(t), lambda t, d: d * t),
    "both fall": Kind(False, lambda t, d: -d * t, lambda t, d: -d * t),
    "flat": Kind(False, lambda t, d: 0 * t, lambda t, d: 0 * t),
    "divergence": Kind(True, lambda t, d: 2 * d * t, lambda t, d: -d * t),
    "stall": Kind(True, lambda t, d: 2 * d * t, lambda t, d: 0 * t),
    "late collapse": Kind(
        True, lambda t, d: 2 * d * t, lambda t, d: np.where(t < 0.5, 2 * d * t, d - 2 * d * (t - 0.5))
    ),
    "sudden collapse": Kind(True, lambda t, d: 2 * d * t, lambda t, d: -d / (1 + np.exp(-(t - 0.5) * 30))),
    "shift-only collapse": Kind(True, lambda t, d: 2 * d * saturating(t, 0.5), lambda t, d: -d * t**2),
}


@dataclass(frozen=True)
class Run:
    """One simulated run: (probes,) each, `items` (probes, n_items), right or wrong, and the first place at which it
    deceives (None where it does not)."""

    kind: str
    deceptive: bool
    steps: np.ndarray
    reward: np.ndarray
    accuracy: np.ndarray
    items: np.ndarray
    begins: int | None

    @property
    def n_items(self) -> int:
        """Problems of a probe."""
        return self.items.shape[1]


def simulate(
    rng: np.random.Generator, kind: str, probes: int, n_items: int = 256, size: float = 0.1, alike: float = 0.5
) -> Run:
    """One run of `kind`; `alike` is the wobble's correlation from probe to probe."""
    times = np.linspace(0, 1, probes)
    shape = KINDS[kind]
    items = answers(rng, START + shape.accuracy(times, size), n_items, alike)
    reward = 0.5 + shape.reward(times, size) + wobble(rng, probes, alike) + 0.01 * rng.standard_normal(probes)
    begins = None
    if shape.deceptive:
        begins = probes // 2 if kind == "late collapse" else 0
    return Run(kind, shape.deceptive, np.arange(probes) * 5, reward, items.mean(1), items, begins)


def answers(rng: np.random.Generator, course: np.ndarray, n_items: int, alike: float) -> np.ndarray:
    """Right or wrong (probes, n_items) along a `course` of accuracy (probes,) around which the run wobbles."""
    from scipy.special import ndtri

    ability = ndtri(np.clip(course + wobble(rng, len(course), alike), 0.01, 0.99))
    stays = np.sqrt(STAYS) * rng.standard_normal(n_items)
    luck = np.sqrt(1 - STAYS) * rng.standard_normal((len(course), n_items))
    return ability[:, None] > stays + luck


def wobble(rng: np.random.Generator, probes: int, alike: float) -> np.ndarray:
    """A stationary first-order autoregressive series (probes,)."""
    fresh = rng.standard_normal(probes)
    values = np.empty(probes)
    values[0] = fresh[0]
    for index in range(1, probes):
        values[index] = alike * values[index - 1] + np.sqrt(1 - alike**2) * fresh[index]
    return WOBBLE * values
