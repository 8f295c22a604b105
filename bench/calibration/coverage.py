"""How often the intervals of what happened hold the truth, on courses of any shape.

A cell is a course, a number of probes and a number of items. Within it the size of the change and the correlation of
the run's wobble from probe to probe are taken in turn. `make calibrate` runs it.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np

from bench.calibration import curves
from counterpoint.statistics import changes, onset

ALIKE = (0.0, 0.5, 0.8)
SIZES = (0.05, 0.1, 0.3, 0.5)
PROBES = (10, 20, 40, 100)
ITEMS = (50, 200, 500, 1319)
COURSES = {  # over times from 0 to 1, of a size; all begin at 0.3 but the U, which begins and ends at its highest
    "linear": lambda t, d: 0.3 + d * t,
    "saturating": lambda t, d: 0.3 + d * curves.saturating(t),
    "stepped": lambda t, d: 0.3 + d * (t >= 0.6),
    "late rising": lambda t, d: 0.3 + d * np.maximum(t - 0.7, 0) / 0.3,
    "late falling": lambda t, d: 0.3 + d * np.where(t < 0.7, t / 0.7, 1 - 0.7 * (t - 0.7) / 0.3),
    "U-shaped": lambda t, d: 0.3 + d * (2 * t - 1) ** 2,
}
MEASURES = ("change", "change, items unknown", "fall", "reward change")
TITLES = {
    "change": "the change of accuracy, answers to single problems known",
    "change, items unknown": "the change of accuracy, answers unknown",
    "fall": "the fall from the peak, where there is one",
    "reward change": "the change of the reward",
    "no fall": "the fall from the peak, where there is none",
}
FALLS = "late falling"  # the one course that ends below its peak; on the others an interval of the fall holds 0


def measure(number: int, pool: ProcessPoolExecutor) -> dict[str, dict[str, float]]:
    """By measure and cell ("COURSE, n probes, n items") the share of `number` simulated runs whose interval holds the
    truth. The fall of courses that do not fall is a measure of its own, `no fall`: an interval for what cannot be
    negative holds 0 more often than in 95 of 100. What a reward does has nothing to do with items: its cells have none.
    """
    cells = list(product(COURSES, PROBES, ITEMS))
    held = list(pool.map(cell, cells, [number] * len(cells)))
    result: dict[str, dict[str, float]] = {name: {} for name in (*MEASURES, "no fall")}
    for (course, probes, items), shares in zip(cells, held, strict=True):
        for name, share in zip(MEASURES, shares, strict=False):
            measured = "no fall" if name == "fall" and course != FALLS else name
            of_items = "" if name == "reward change" else f", {items} items"
            result[measured][f"{course}, {probes} probes{of_items}"] = share
    return result


def table(measures: dict[str, dict[str, float]]) -> str:
    """What `measure` found, as a Markdown table."""
    lines = ["| interval of | cells | lowest | highest | below 93 % | above 97 % |", "|---|---:|---:|---:|---:|---:|"]
    for name, cells in measures.items():
        low, high = 100 * min(cells.values()), 100 * max(cells.values())
        below, above = sum(c < 0.93 for c in cells.values()), sum(c > 0.97 for c in cells.values())
        lines.append(f"| {TITLES[name]} | {len(cells)} | {low:.1f} % | {high:.1f} % | {below} | {above} |")
    return "\n".join(lines)


def cell(key: tuple[str, int, int], number: int) -> list[float]:
    """The shares of `number` runs whose intervals hold the truth, by `MEASURES`; the key is (course, probes, items)."""
    course, probes, n_items = key
    rng = np.random.default_rng([list(COURSES).index(course), probes, n_items])
    times, held = np.linspace(0, 1, probes), np.zeros(len(MEASURES) - (n_items != ITEMS[0]))
    for index in range(number):
        truth = COURSES[course](times, SIZES[index // len(ALIKE) % len(SIZES)])
        held += _held(rng, truth, n_items, ALIKE[index % len(ALIKE)], index)
    return [round(float(share), 4) for share in held / number]


def _held(rng: np.random.Generator, truth: np.ndarray, n_items: int, alike: float, seed: int) -> list[bool]:
    """Whether each interval holds the truth, for one run; that of the reward in the cells of the fewest items alone."""
    items = curves.answers(rng, truth, n_items, alike)
    accuracy, moved = items.mean(1), truth[-1] - truth[0]
    fitted = onset.fit(accuracy)
    known = changes.noise_of_accuracy(accuracy, fitted, n_items, items.astype(float))
    unknown = changes.noise_of_accuracy(accuracy, fitted, n_items)
    ends = accuracy[0], accuracy[-1]
    measured = [
        (changes.change(*ends, known, n_items, items[[0, -1]].astype(float))[1], moved),
        (changes.change(*ends, unknown, n_items)[1], moved),
        (changes.peak(accuracy, fitted, known, n_items, seed).interval, truth.max() - truth[-1]),
    ]
    if n_items == ITEMS[0]:
        reward = truth + curves.wobble(rng, len(truth), alike) + 0.01 * rng.standard_normal(len(truth))
        noise = changes.noise_of_reward(reward, onset.fit(reward))
        measured.append((changes.change(reward[0], reward[-1], noise)[1], moved))
    return [low - 1e-9 <= value <= high + 1e-9 for (low, high), value in measured]
