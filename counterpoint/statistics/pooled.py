"""One verdict on the reward over several suites and runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from counterpoint.statistics import evidence, trends
from counterpoint.statistics.association import NAN, NO_INTERVAL
from counterpoint.statistics.deceptive import FEWEST, Assessment, assess, decide
from counterpoint.statistics.evidence import MARGIN


@dataclass(frozen=True)
class ProbeCurve:
    """One suite's probes of one run. Curves of one `run` are suites of it.

    `steps`, training `reward` and held-out `accuracy` (a share of `n_items`), and each of `gaps`, the parts of reward −
    accuracy by mechanism, are (probes,), NaN where not measured; `items` is (probes, n_items), right or wrong.
    """

    run: str
    steps: np.ndarray
    reward: np.ndarray
    accuracy: np.ndarray
    n_items: int
    suite: str = ""
    gaps: Mapping[str, np.ndarray] = field(default_factory=dict)
    items: np.ndarray | None = None


def pool(
    curves: Sequence[ProbeCurve], *, seed: int = 0, margin: float = MARGIN, confidence: float = 0.95
) -> Assessment:
    """One verdict over several curves. Those of one run (suites over the same steps) are averaged first, weighted by
    their items; runs (seeds) are the unit of inference: the mean of their changes, its error the larger of that between
    runs and that within them, with Student's quantile for runs − 1 degrees of freedom. One run is `assess`ed alone.

    A turn within single runs is not looked for, so a late fall shows only where it outweighs the rise before it. Raises
    `ValueError` for no curves and as `assess` does; runs of fewer than ten probes are left out and counted in `reason`.
    """
    if not curves:
        raise ValueError("no curves to pool")
    runs: dict[str, list[ProbeCurve]] = {}
    for curve in curves:
        runs.setdefault(curve.run, []).append(curve)
    merged = [_merged(suites) for suites in runs.values()]
    assessed = [
        assess(run.steps, run.reward, run.accuracy, run.n_items, seed=seed, margin=margin, confidence=confidence)
        for run in merged
    ]
    if len(merged) == 1:
        return assessed[0]
    pairs = [pair for pair in zip(merged, assessed, strict=True) if math.isfinite(pair[1].reward_slope)]
    left_out = f" ({len(merged) - len(pairs)} runs too short, left out)" if len(pairs) < len(merged) else ""
    if not pairs:
        return Assessment(reason=f"none of {len(merged)} runs has {FEWEST} probes", probes=assessed[0].probes)
    if len(pairs) < 2:
        return replace(pairs[0][1], reason=f"one run alone can be assessed{left_out}")
    assessments = [assessment for _, assessment in pairs]
    rise = _mean_change([(run.reward_slope, run.reward_slope_interval) for run in assessments], confidence)
    climb = _mean_change([(run.accuracy_slope, run.accuracy_slope_interval) for run in assessments], confidence)
    reward_change = _mean_change([(run.reward_change, run.reward_change_interval) for run in assessments], confidence)
    accuracy_change = _mean_change(
        [(run.accuracy_change, run.accuracy_change_interval) for run in assessments], confidence
    )
    scale = np.concatenate([np.asarray(run.reward, float) for run, _ in pairs])
    up, along = (change.interval(confidence) for change in (rise, climb))
    signs = evidence.of_trends(rise, climb, margin)
    verdict, reason = decide(signs, up, along, scale, 0.0)
    onsets = [run.onset_step for run in assessments if run.onset_step is not None] if verdict == "deceptive" else []
    return Assessment(
        verdict=verdict,
        mechanism="unknown" if verdict in ("deceptive", "inconclusive") else "none",
        spearman=_mean([run.spearman for run in assessments]),
        spearman_interval=NO_INTERVAL,
        spearman_of_changes=_mean([run.spearman_of_changes for run in assessments]),
        reward_slope=rise.change,
        reward_slope_interval=up,
        accuracy_slope=climb.change,
        accuracy_slope_interval=along,
        reward_change=reward_change.change,
        reward_change_interval=reward_change.interval(confidence),
        accuracy_change=accuracy_change.change,
        accuracy_change_interval=accuracy_change.interval(confidence),
        onset_step=int(np.median(onsets)) if onsets else None,
        onset_interval=(float(min(onsets)), float(max(onsets))) if onsets else NO_INTERVAL,
        regret=_mean([run.regret for run in assessments]),
        reason=f"{len(assessments)} runs: {reason}{left_out}",
        probes=sum(run.probes for run in assessments),
        effective_probes=sum(run.effective_probes for run in assessments),
        evidence=signs.total,
    )


def _merged(suites: list[ProbeCurve]) -> ProbeCurve:
    first = suites[0]
    if any(list(curve.steps) != list(first.steps) for curve in suites):
        raise ValueError(f"the suites of run {first.run!r} must be probed at the same steps; NaN where one is missing")
    weights = np.array([curve.n_items for curve in suites], float)
    accuracy = np.array([np.asarray(curve.accuracy, float) for curve in suites])
    if len({accuracy.shape, *(np.shape(curve.steps) for curve in suites)}) > 2:
        raise ValueError(f"the curves of run {first.run!r} must be equally long")
    return ProbeCurve(first.run, first.steps, first.reward, weights @ accuracy / weights.sum(), int(weights.sum()))


def _mean_change(changes: list[tuple[float, tuple[float, float]]], confidence: float) -> trends.Trend:
    from scipy.stats import norm

    sizes = np.array([change for change, _ in changes])
    within = np.array([(high - low) / 2 for _, (low, high) in changes]) / norm.ppf((1 + confidence) / 2)
    between = sizes.std(ddof=1) / math.sqrt(len(sizes))
    error = max(float(between), math.sqrt(float((within**2).sum())) / len(sizes))
    return trends.Trend(float(sizes.mean()), error, float(len(sizes) - 1), float(len(sizes)))


def _mean(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else NAN
