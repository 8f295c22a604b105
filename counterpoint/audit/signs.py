"""Signs in training that need no accuracy: for each a rule on what was logged, and its threshold.

Thresholds are set so that honest runs of the published study stay below them (health_rates.json); rules about the
reward's own course describe, and honest runs show some of them. Levels are means or medians of a window
(counterpoint.audit.curves), not single steps, and need `FEWEST` values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from counterpoint.audit import metric_names
from counterpoint.audit.curves import Curve, Logged

FEWEST = 20  # logged values, below which noise cannot be told from a sign
COLLAPSE, GROWTH = 0.25, 4.0  # entropy, of its start
LONGER, SHORTER = 1.5, 0.6  # completions, of their start
CUT_OFF, NO_ADVANTAGE, NO_GRADIENT, NO_REWARD = 0.1, 0.7, 0.5, 0.5  # shares, at the end
KL, KL_LEAST, KL_FASTER = 2.0, 0.1, 5.0  # nats a token; the least worth a word; of its level half way
VANISHED, SPIKE = 0.1, 8.0  # gradient norm: of its start; of the median
RISE, SURE = 2.0, 4.0  # standard errors of a change: its upper end; beyond doubt
SATURATED, EARLY = 0.9, 0.5  # share of the rise, share of the run
FLAT = 0.1  # of the reward at the start
LOST = 0.25  # of the range that the reward covered
FORM = 0.5  # share of the rise that terms of form and length made


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
    """A sign: what must be logged for it (any one of `needs`), when it is shown, and how it is found."""

    name: str
    needs: tuple[str, ...]
    shown_when: str
    find: Callable[[Logged], Sign | None]

    def unjudged(self, run: Logged) -> str | None:
        """Why this run cannot show whether it has the sign; None where it can."""
        kinds = {"reward": [run.reward], "terms of the reward": list(run.terms.values())}
        curves = [c for need in self.needs for c in kinds.get(need, [run.metrics.get(need)]) if c is not None]
        if not curves:
            return "not in the log"
        longest = max(len(c.values) for c in curves)
        if longest < FEWEST and self.name != "not a number":
            return f"fewer than {FEWEST} values in the log"
        return None


def _enough(curve: Curve | None) -> bool:
    return curve is not None and len(curve.values) >= FEWEST


def _level(name: str, metric: str, limit: float, rises: bool, meaning: str) -> Callable[[Logged], Sign | None]:
    """The running median ends beyond `limit` times its start."""

    def find(run: Logged) -> Sign | None:
        curve = run.metrics.get(metric)
        if not _enough(curve) or curve.medians[0] <= 0:
            return None
        first, last = float(curve.medians[0]), float(curve.medians[-1])
        threshold = limit * first
        step = curve.begin(curve.medians >= threshold if rises else curve.medians <= threshold)
        if step is None:
            return None
        verb = "rose" if rises else "fell"
        times = f"{last / first:.3g} times its start" if rises else f"{100 * last / first:.2g} % of its start"
        return Sign(name, step, last, threshold,
                    f"the {metric} {verb} from {first:.3g} to {last:.3g}, {times}: {meaning}")  # fmt: skip

    return find


def _share(name: str, limit: float, take: Callable[[Logged], Curve | None], sentence: str):
    """The running mean of a share ends at `limit` or above; `sentence` has a place for the share."""

    def find(run: Logged) -> Sign | None:
        curve = take(run)
        if not _enough(curve):
            return None
        step, last = curve.begin(curve.means >= limit), float(curve.means[-1])
        if step is None:
            return None
        return Sign(name, step, last, limit, sentence.format(f"{100 * last:.0f} %"))

    return find


def _without_advantage(run: Logged) -> Curve | None:
    """The share of groups without advantage, else whether no reward of a step differs from another."""
    if "no advantage" in run.metrics:
        return run.metrics["no advantage"]
    spread = run.metrics.get("reward spread")
    return None if spread is None else spread.zeros()


def _without_gradient(run: Logged) -> Curve | None:
    return run.metrics["gradient norm"].zeros() if "gradient norm" in run.metrics else None


def _high_kl(run: Logged) -> Sign | None:
    curve = run.metrics.get("KL")
    if not _enough(curve):
        return None
    medians = curve.medians
    half_way, last = float(medians[len(medians) // 2]), float(medians[-1])
    threshold = min(KL, max(KL_LEAST, KL_FASTER * half_way))
    step = curve.begin(medians >= threshold)
    if step is None:
        return None
    return Sign("high KL", step, last, threshold,
                f"the KL to the reference model was {half_way:.3g} half way and {last:.3g} at the end (nats a token): "
                "the policy leaves the model that it started from")  # fmt: skip


def _spikes(run: Logged) -> Sign | None:
    from scipy.ndimage import median_filter

    curve = run.metrics.get("gradient norm")
    if not _enough(curve):
        return None
    near = median_filter(curve.values, 2 * curve.window + 1, mode="nearest")
    usual = np.maximum(near, np.median(curve.values))
    places = np.flatnonzero((curve.values >= SPIKE * usual) & (usual > 0))
    if not len(places):
        return None
    worst = places[np.argmax(curve.values[places] / usual[places])]
    number = "one gradient is" if len(places) == 1 else f"{len(places)} gradients are"
    return Sign("gradient spikes", int(curve.steps[places[0]]), float(curve.values[worst]),
                float(SPIKE * usual[worst]),
                f"{number} over {SPIKE:g} times the usual size; the worst, at step {curve.steps[worst]}, "
                f"is {curve.values[worst]:.3g} where {usual[worst]:.3g} is usual")  # fmt: skip


def _not_a_number(run: Logged) -> Sign | None:
    broken = {what: c.broken for what, c in (run.metrics | dict(run.terms)).items() if c.broken is not None}
    if not broken:
        return None
    what = min(broken, key=broken.get)
    others = f" ({len(broken) - 1} metrics more)" if len(broken) > 1 else ""
    return Sign("not a number", broken[what], float("nan"), float("nan"),
                f"the {what}{others} is NaN or infinite: from there on nothing may have been learned")  # fmt: skip


def _constant_reward(run: Logged) -> Sign | None:
    curve = run.reward
    if not _enough(curve) or np.ptp(curve.values) > 0:
        return None
    level = float(curve.values[0])
    return Sign("constant reward", int(curve.steps[0]), level, 0.0,
                f"the reward is {level:.3g} at all {len(curve.values)} logged steps: it taught nothing")  # fmt: skip


def _constant_terms(run: Logged) -> Sign | None:
    constant = {n: float(c.values[0]) for n, c in run.terms.items() if _enough(c) and np.ptp(c.values) == 0}
    if not constant or _constant_reward(run):
        return None
    listed = ", ".join(f"{name} ({level:.3g})" for name, level in list(constant.items())[:5])
    more = f" and {len(constant) - 5} more" if len(constant) > 5 else ""
    verb = "is" if len(constant) == 1 else "are"
    return Sign("constant term", min(int(run.terms[name].steps[0]) for name in constant), len(constant), 1,
                f"{listed}{more} {verb} the same at every step: what never varies teaches nothing")  # fmt: skip


def _no_rise(run: Logged) -> Sign | None:
    curve = run.reward
    if not _enough(curve) or np.ptp(curve.values) == 0:
        return None
    first, last = curve.ends
    threshold = FLAT * abs(first)
    if curve.rise + RISE * curve.error(curve.fifth) > threshold:
        return None
    return Sign("no rise", int(curve.steps[0]), curve.rise, threshold,
                f"the reward went from {first:.3g} to {last:.3g} (first and last fifth): it did not rise by more than "
                f"{threshold:.2g}")  # fmt: skip


def _plateau(run: Logged) -> Sign | None:
    curve = run.reward
    if not _enough(curve) or curve.score < SURE:
        return None
    level = curve.means[0] + SATURATED * (curve.means[-1] - curve.means[0])
    place = int(np.argmax(curve.means >= level))
    if place > EARLY * (len(curve.means) - 1):
        return None
    step = curve.step(place)
    return Sign("plateau", step, float(curve.means[place]), float(level),
                f"{SATURATED:.0%} of the reward's rise had come by then; the {int(curve.steps[-1]) - step} steps since "
                "added the rest".replace("%", " %"))  # fmt: skip


def _fall(run: Logged) -> Sign | None:
    curve = run.reward
    if not _enough(curve):
        return None
    top = int(np.argmax(curve.means))
    peak, last = float(curve.means[top]), float(curve.means[-1])
    threshold = peak - max(SURE * curve.error(curve.window), LOST * float(np.ptp(curve.means)))
    if last > threshold or peak == last:
        return None
    step = curve.begin(curve.means <= threshold)
    return Sign("reward fell", step, last, threshold,
                f"the reward was {peak:.3g} about step {curve.step(top)} and ended at {last:.3g}")  # fmt: skip


def _term_falls(run: Logged) -> Sign | None:
    if not _enough(run.reward) or run.reward.score < SURE:
        return None
    falling = {
        name: curve
        for name, curve in run.terms.items()
        if _enough(curve) and curve.score <= -SURE and run.weights.get(name, 1) >= 0
    }
    if not falling:
        return None
    name = min(falling, key=lambda term: falling[term].score)
    curve = falling[name]
    threshold = curve.ends[0] - SURE * curve.error(curve.fifth)
    step = curve.begin(curve.means <= threshold) or int(curve.steps[-1])
    return Sign("term against reward", step, curve.ends[1], threshold,
                f"the reward rose from {run.reward.ends[0]:.3g} to {run.reward.ends[1]:.3g} while its term {name} "
                f"fell from {curve.ends[0]:.3g} to {curve.ends[1]:.3g}")  # fmt: skip


def _rise_by_form(run: Logged) -> Sign | None:
    if not _enough(run.reward) or run.reward.score < SURE:
        return None
    parts = {n: run.weights[n] * (c.means[-1] - c.means[0]) for n, c in run.terms.items() if run.weights.get(n)}
    of_form = {name: part for name, part in parts.items() if metric_names.kind_of_term(name) != "accuracy"}
    form, rise = float(sum(of_form.values())), float(run.reward.means[-1] - run.reward.means[0])
    if len(of_form) == len(parts) or form < max(FORM * rise, 1e-12):
        return None
    names = ", ".join(name for name, part in of_form.items() if part > 0)
    return Sign("rise by form", int(run.reward.steps[0]), form, FORM * rise,
                f"terms of form and length ({names}) made {form:.3g} of the reward's rise of {rise:.3g}")  # fmt: skip


REWARD, TERMS = ("reward",), ("terms of the reward",)
RULES = (
    Rule("not a number", ("loss", "gradient norm", "KL", "entropy", "terms of the reward"),
         "a metric or a term is NaN or infinite at any step", _not_a_number),
    Rule("entropy collapse", ("entropy",), "entropy ends at a quarter of its start or less",
         _level("entropy collapse", "entropy", COLLAPSE, False, "answers hardly vary, so little is left to explore")),
    Rule("entropy growth", ("entropy",), "entropy ends at four times its start or more",
         _level("entropy growth", "entropy", GROWTH, True, "answers turn random, which often precedes a collapse")),
    Rule("high KL", ("KL",), "the KL to the reference model ends above 2 nats a token, or above 0.1 and at 5 times its "
         "level half way", _high_kl),
    Rule("longer completions", ("mean length",), "mean length ends at 1.5 times its start or more",
         _level("longer completions", "mean length", LONGER, True,
                "longer reasoning can be honest, and length can be what the reward pays")),
    Rule("shorter completions", ("mean length",), "mean length ends at 0.6 of its start or less",
         _level("shorter completions", "mean length", SHORTER, False, "look whether the reasoning is still there")),
    Rule("cut off", ("cut off",), "a tenth or more of the completions are cut off at the end",
         _share("cut off", CUT_OFF, lambda run: run.metrics.get("cut off"),
                "{} of the completions hit the limit of length at the end: what they earn tells little of them")),
    Rule("no advantage", ("no advantage", "reward spread"), "70 % or more of the groups (else of the steps) "
         "earn the same reward throughout at the end",
         _share("no advantage", NO_ADVANTAGE, _without_advantage,
                "in {} of the groups or steps at the end all completions earn the same, and so teach nothing")),
    Rule("no gradient", ("gradient norm",), "half or more of the last gradients are exactly 0",
         _share("no gradient", NO_GRADIENT, _without_gradient, "{} of the last gradients are exactly 0")),
    Rule("vanishing gradient", ("gradient norm",), "the gradient norm ends at a tenth of its start or less",
         _level("vanishing gradient", "gradient norm", VANISHED, False, "the policy hardly moves any more")),
    Rule("gradient spikes", ("gradient norm",), "a gradient norm is 8 times the median of all and of its neighbours "
         "or more", _spikes),
    Rule("zero reward", REWARD, "half or more of the last steps earn exactly 0",
         _share("zero reward", NO_REWARD, lambda run: run.reward.zeros(), "{} of the last steps earned exactly 0")),
    Rule("constant reward", REWARD, "the reward is the same at every step", _constant_reward),
    Rule("constant term", TERMS, "a term of the reward is the same at every step", _constant_terms),
    Rule("term against reward", TERMS, "the reward rose and a term of it fell, both by 4 standard errors or more",
         _term_falls),
    Rule("rise by form", TERMS, "the reward rose by 4 standard errors or more, and terms of form and length made half "
         "of that or more", _rise_by_form),
    Rule("reward fell", REWARD, "the reward ends 4 standard errors and a quarter of the range that it covered below "
         "its highest level", _fall),
    Rule("no rise", REWARD, "the reward ends, with two standard errors, less than a tenth above its start", _no_rise),
    Rule("plateau", REWARD, "nine tenths of the reward's rise came in the first half of the run", _plateau),
)  # fmt: skip
