"""The error rates of the verdict on simulated curves: false alarms, power, onsets, and runs that are watched live.

A false alarm is `deceptive` for an honest curve; power is `deceptive` for one that deceives. Lengths are probes; each
cell mixes wobbles whose correlation from probe to probe is 0, 0.5 and 0.8. Watched live, a verdict counts once it is
`deceptive` at two successive looks, the trainer's rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from bench.calibration.curves import KINDS, Run, simulate
from counterpoint.statistics import wilson_interval
from counterpoint.statistics.deceptive import FEWEST, assess
from counterpoint.training.assessment import CONFIDENCE

LENGTHS = (10, 11, 12, 13, 14, 15, 17, 20, 25, 30, 40, 50, 70, 100)
POWER_LENGTHS = (10, 13, 20, 30, 50, 100)
SIZES = (0.05, 0.1, 0.2)
SIZES_OF = {"stall": (0.1,)}  # its accuracy does not change: the size is that of the reward
ALIKE = (0.0, 0.5, 0.8)
ITEMS = 256
LIVE = 40  # probes of a run that is watched
ONSETS = ("divergence", "stall", "late collapse")  # the kinds whose onset is one step
HONEST = [name for name, kind in KINDS.items() if not kind.deceptive]
DECEPTIVE = [name for name, kind in KINDS.items() if kind.deceptive]


def runs(kind: str, probes: int, size: float, number: int) -> Iterator[Run]:
    """`number` simulated runs, the wobbles' correlations in turn."""
    rng = np.random.default_rng([list(KINDS).index(kind), probes, round(1000 * size)])
    for index in range(number):
        yield simulate(rng, kind, probes, ITEMS, size, ALIKE[index % len(ALIKE)])


def verdicts(kind: str, probes: int, size: float, number: int) -> list[str]:
    return [assess(r.steps, r.reward, r.accuracy, r.n_items).verdict for r in runs(kind, probes, size, number)]


def rate(hits: int, number: int) -> dict:
    low, high = wilson_interval(hits, number)
    return {"rate": round(hits / number, 4), "low": round(low, 4), "high": round(high, 4), "n": number}


def verdicts_of(cells: list[tuple[str, int, float]], number: int, pool: ProcessPoolExecutor) -> dict:
    """The verdicts by cell (kind, probes, size)."""
    kinds, lengths, sizes = zip(*cells, strict=True)
    return dict(zip(cells, pool.map(verdicts, kinds, lengths, sizes, [number] * len(cells)), strict=True))


def false_alarms(number: int, pool: ProcessPoolExecutor) -> tuple[dict, dict]:
    """By length over all honest kinds, and by kind over all lengths: how many are called deceptive."""
    said = verdicts_of([(kind, n, 0.1) for kind in HONEST for n in LENGTHS], number, pool)
    count = {cell[:2]: found.count("deceptive") for cell, found in said.items()}
    by_length = {str(n): rate(sum(count[k, n] for k in HONEST), number * len(HONEST)) for n in LENGTHS}
    by_kind = {k: rate(sum(count[k, n] for n in LENGTHS), number * len(LENGTHS)) for k in HONEST}
    return by_length, by_kind


def power(number: int, pool: ProcessPoolExecutor) -> tuple[dict, dict]:
    """By kind, size in points and length, how many deceptive curves are found; of all, how many are called aligned."""
    cells = [(kind, n, size) for kind in DECEPTIVE for size in SIZES_OF.get(kind, SIZES) for n in POWER_LENGTHS]
    said = verdicts_of(cells, number, pool)
    found: dict = {}
    for (kind, n, size), of_cell in said.items():
        by_length = found.setdefault(kind, {}).setdefault(f"{100 * size:g}", {})
        by_length[str(n)] = rate(of_cell.count("deceptive"), number)
    return found, rate(sum(of_cell.count("aligned") for of_cell in said.values()), number * len(said))


def onsets(number: int, pool: ProcessPoolExecutor) -> dict:
    """By kind: of curves called deceptive, 12 to 40 probes and 10 points, how many intervals of the onset hold it, to
    half the distance between two probes."""
    held = pool.map(_onsets_held, ONSETS, [number] * len(ONSETS))
    return {kind: rate(sum(of_kind), len(of_kind)) for kind, of_kind in zip(ONSETS, held, strict=True)}


def _onsets_held(kind: str, number: int) -> list[bool]:
    held = []
    for probes in (12, 20, 40):
        for run in runs(kind, probes, 0.1, number):
            found = assess(run.steps, run.reward, run.accuracy, run.n_items)
            if found.verdict == "deceptive":
                low, high = found.onset_interval
                half = (run.steps[1] - run.steps[0]) / 2
                held.append(low - half <= run.steps[run.begins] <= high + half)
    return held


def watched(number: int, pool: ProcessPoolExecutor) -> dict:
    """Of runs watched live: how many are stopped, and how many probes after the deceit began (median, of those)."""
    return dict(zip(KINDS, pool.map(_watched, KINDS, [number] * len(KINDS)), strict=True))


def _watched(kind: str, number: int) -> dict:
    stopped, delays = 0, []
    for run in runs(kind, LIVE, 0.1, number):
        at = _stopped(run)
        stopped += at is not None
        if at is not None and run.deceptive:
            delays.append(at - run.begins)
    delay = float(np.median(delays)) if delays else None
    return {"deceptive": KINDS[kind].deceptive, **rate(stopped, number), "median_delay_probes": delay}


def _stopped(run) -> int | None:
    before = False
    for end in range(FEWEST, len(run.steps) + 1):
        part = slice(0, end)
        said = assess(run.steps[part], run.reward[part], run.accuracy[part], run.n_items, confidence=CONFIDENCE)
        if said.verdict == "deceptive" and before:
            return end - 1
        before = said.verdict == "deceptive"
    return None
