"""Signs in the metrics of training, which need no accuracy: for each a rule on what was logged, and its threshold.

Thresholds are set so that honest runs of the published study stay below them (health_rates.json). Levels are means or
medians of a window (counterpoint.audit.curves), not single steps, and need `FEWEST` values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from counterpoint.audit.curves import Curve, Logged

FEWEST = 20  # logged values, below which noise cannot be told from a sign
COLLAPSE, GROWTH = 0.25, 4.0  # entropy, of its start
LONGER, SHORTER = 1.5, 0.6  # completions, of their start
CUT_OFF, NO_ADVANTAGE, NO_GRADIENT = 0.1, 0.7, 0.5  # shares, at the end
KL, KL_LEAST, KL_FASTER = 2.0, 0.1, 5.0  # nats a token; the least worth a word; of its level half way
VANISHED, SPIKE = 0.1, 8.0  # gradient norm: of its start; of the median
REWARD, TERMS, WEIGHTS = "reward", "terms of the reward", "weights of the terms"  # what a rule can need beside metrics

Found = tuple[int, float, float, str]  # step, value, threshold and sentence of a sign


@dataclass(frozen=True)
class Sign:
    """A sign that a run shows from `step` on; `value` is what passed `threshold`, both in the units of the log."""

    name: str
    step: int
    value: float
    threshold: float
    sentence: str


@dataclass(frozen=True)
class Rule:
    """A sign: what must be logged for it (any one of `needs`), when it is shown, and how it is found in curves that are
    long enough."""

    name: str
    needs: tuple[str, ...]
    shown_when: str
    find: Callable[[Logged], Found | None]
    fewest: int = FEWEST

    def unjudged(self, run: Logged) -> str | None:
        """Why this run cannot show whether it has the sign; None where it can."""
        longest = max((len(curve.values) + (curve.broken is not None) for curve in self._curves(run)), default=0)
        if not longest:
            return "weights unknown" if run.terms and WEIGHTS in self.needs else "not in the log"
        return None if longest >= self.fewest else f"fewer than {self.fewest} values in the log"

    def judge(self, run: Logged) -> Sign | None:
        """The sign, where the run shows it."""
        found = None if self.unjudged(run) else self.find(run)
        return Sign(self.name, *found) if found else None

    def _curves(self, run: Logged) -> Iterator[Curve]:
        for need in self.needs:
            if need == REWARD:
                yield run.reward
            elif need == TERMS or (need == WEIGHTS and run.weights):
                yield from run.terms.values()
            elif need in run.metrics:
                yield run.metrics[need]


def enough(curve: Curve) -> bool:
    """Whether a curve is long enough."""
    return len(curve.values) >= FEWEST


def share(limit: float, take: Callable[[Logged], Curve], sentence: str) -> Callable[[Logged], Found | None]:
    """Finds a share whose running mean ends at `limit` or above; `sentence` has a place for it."""

    def find(run: Logged) -> Found | None:
        curve = take(run)
        step, last = curve.begin(curve.means >= limit), float(curve.means[-1])
        return None if step is None else (step, last, limit, sentence.format(f"{100 * last:.0f} %"))

    return find


def _level(metric: str, limit: float, meaning: str) -> Callable[[Logged], Found | None]:
    """Finds a running median that ends beyond `limit` times its start."""

    def find(run: Logged) -> Found | None:
        curve = run.metrics[metric]
        first, last = float(curve.medians[0]), float(curve.medians[-1])
        threshold = limit * first
        step = curve.begin(curve.medians >= threshold if limit > 1 else curve.medians <= threshold)
        if first <= 0 or step is None:
            return None
        verb = "rose" if limit > 1 else "fell"
        times = f"{last / first:.3g} times its start" if limit > 1 else f"{100 * last / first:.2g} % of its start"
        return step, last, threshold, f"the {metric} {verb} from {first:.3g} to {last:.3g}, {times}: {meaning}"

    return find


def _not_a_number(run: Logged) -> Found | None:
    broken = {what: c.broken for what, c in (run.metrics | run.terms).items() if c.broken is not None}
    if not broken:
        return None
    what = min(broken, key=broken.get)
    others = f" ({len(broken) - 1} metrics more)" if len(broken) > 1 else ""
    sentence = f"the {what}{others} is NaN or infinite: from there on nothing may have been learned"
    return broken[what], float("nan"), float("nan"), sentence


def _high_kl(run: Logged) -> Found | None:
    curve = run.metrics["KL"]
    half_way, last = float(curve.medians[len(curve.medians) // 2]), float(curve.medians[-1])
    threshold = min(KL, max(KL_LEAST, KL_FASTER * half_way))
    step = curve.begin(curve.medians >= threshold)
    sentence = (
        f"the KL to the reference model was {half_way:.3g} half way and {last:.3g} at the end (nats a token): the "
        "policy leaves the model that it started from"
    )
    return None if step is None else (step, last, threshold, sentence)


def _without_advantage(run: Logged) -> Curve:
    """The share of groups without advantage, else whether no reward of a step differs from another."""
    groups = run.metrics.get("no advantage")
    return groups if groups and enough(groups) else run.metrics["reward spread"].zeros()


def _spikes(run: Logged) -> Found | None:
    from scipy.ndimage import median_filter

    curve = run.metrics["gradient norm"]
    near = median_filter(curve.values, 2 * curve.window + 1, mode="nearest")
    usual = np.maximum(near, np.median(curve.values))
    places = np.flatnonzero((curve.values >= SPIKE * usual) & (usual > 0))
    if not len(places):
        return None
    worst = places[np.argmax(curve.values[places] / usual[places])]
    size, expected = float(curve.values[worst]), float(usual[worst])
    number = "one gradient is" if len(places) == 1 else f"{len(places)} gradients are"
    sentence = (
        f"{number} over {SPIKE:g} times the usual size; the worst, at step {curve.steps[worst]}, is {size:.3g} where "
        f"{expected:.3g} is usual"
    )
    return int(curve.steps[places[0]]), size, SPIKE * expected, sentence


RULES = (
    Rule(
        "not a number",
        ("loss", "gradient norm", "KL", "entropy", TERMS),
        "a metric or a term is NaN or infinite at any step",
        _not_a_number,
        fewest=1,
    ),
    Rule(
        "entropy collapse",
        ("entropy",),
        "entropy ends at a quarter of its start or less",
        _level("entropy", COLLAPSE, "answers hardly vary, so little is left to explore"),
    ),
    Rule(
        "entropy growth",
        ("entropy",),
        "entropy ends at four times its start or more",
        _level("entropy", GROWTH, "answers turn random, which often precedes a collapse"),
    ),
    Rule(
        "high KL",
        ("KL",),
        "the KL to the reference model ends above 2 nats a token, or above 0.1 and at 5 times its level half way",
        _high_kl,
    ),
    Rule(
        "longer completions",
        ("mean length",),
        "mean length ends at 1.5 times its start or more",
        _level("mean length", LONGER, "longer reasoning can be honest, and length can be what the reward pays"),
    ),
    Rule(
        "shorter completions",
        ("mean length",),
        "mean length ends at 0.6 of its start or less",
        _level("mean length", SHORTER, "look whether the reasoning is still there"),
    ),
    Rule(
        "cut off",
        ("cut off",),
        "a tenth or more of the completions are cut off at the end",
        share(
            CUT_OFF,
            lambda run: run.metrics["cut off"],
            "{} of the completions hit the limit of length at the end: what they earn tells little of them",
        ),
    ),
    Rule(
        "no advantage",
        ("no advantage", "reward spread"),
        "70 % or more of the groups (else of the steps) earn the same reward throughout at the end",
        share(
            NO_ADVANTAGE,
            _without_advantage,
            "in {} of the groups or steps at the end all completions earn the same, and so teach nothing",
        ),
    ),
    Rule(
        "no gradient",
        ("gradient norm",),
        "half or more of the last gradients are exactly 0",
        share(NO_GRADIENT, lambda run: run.metrics["gradient norm"].zeros(), "{} of the last gradients are exactly 0"),
    ),
    Rule(
        "vanishing gradient",
        ("gradient norm",),
        "the gradient norm ends at a tenth of its start or less",
        _level("gradient norm", VANISHED, "the policy hardly moves any more"),
    ),
    Rule(
        "gradient spikes",
        ("gradient norm",),
        "a gradient norm is 8 times the median of all and of its neighbours or more",
        _spikes,
    ),
)
