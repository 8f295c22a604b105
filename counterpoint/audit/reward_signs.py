"""Signs in the course of the reward and of its terms, on training prompts; the rules are of counterpoint.audit.signs.

What the reward did (it did not rise, it stopped rising) describes a run: honest runs show it too, and their number
stands beside it.
"""

from __future__ import annotations

import numpy as np

from counterpoint.audit import metric_names
from counterpoint.audit.curves import Logged
from counterpoint.audit.signs import REWARD, TERMS, WEIGHTS, Found, Rule, enough, share

NO_REWARD = 0.5  # share of the last steps
DOUBT, SURE = 2.0, 4.0  # standard errors: that a rise may be larger by; that a change is beyond doubt by
FLAT, WITHIN = 0.1, 0.5  # of the reward at the start, of the noise of a step: what is no rise
LOST = 0.25  # of the range that the reward covered
SATURATED, EARLY = 0.9, 0.5  # share of the rise, share of the run
FORM = 0.5  # share of the rise that terms of form and length made
LISTED = 5  # names in a sentence


def _constant_reward(run: Logged) -> Found | None:
    values = run.reward.values
    if np.ptp(values) > 0:
        return None
    sentence = f"the reward is {values[0]:.3g} at all {len(values)} logged steps: it taught nothing"
    return int(run.reward.steps[0]), float(values[0]), 0.0, sentence


def _constant_terms(run: Logged) -> Found | None:
    constant = {name: curve for name, curve in run.terms.items() if enough(curve) and np.ptp(curve.values) == 0}
    if not constant or np.ptp(run.reward.values) == 0:
        return None
    names = ", ".join(f"{name} ({curve.values[0]:.3g})" for name, curve in list(constant.items())[:LISTED])
    more = f" and {len(constant) - LISTED} more" if len(constant) > LISTED else ""
    verb = "is" if len(constant) == 1 else "are"
    sentence = f"{names}{more} {verb} the same at every step: what never varies teaches nothing"
    return min(int(curve.steps[0]) for curve in constant.values()), len(constant), 1, sentence


def _term_falls(run: Logged) -> Found | None:
    if not enough(run.reward) or run.reward.score < SURE:
        return None
    falling = {
        name: curve
        for name, curve in run.terms.items()
        if enough(curve) and curve.score <= -SURE and run.weights.get(name, 1) >= 0
    }
    if not falling:
        return None
    name = min(falling, key=lambda term: falling[term].score)
    curve, reward = falling[name], run.reward
    threshold = curve.ends[0] - SURE * curve.error(curve.fifth)
    step = curve.begin(curve.means <= threshold)
    sentence = (
        f"the reward rose from {reward.ends[0]:.3g} to {reward.ends[1]:.3g} while its term {name} fell from "
        f"{curve.ends[0]:.3g} to {curve.ends[1]:.3g} (first and last fifth)"
    )
    return int(curve.steps[-1]) if step is None else step, curve.ends[1], threshold, sentence


def _rise_by_form(run: Logged) -> Found | None:
    if not enough(run.reward) or run.reward.score < SURE:
        return None
    parts = {name: run.weights[name] * curve.change for name, curve in run.terms.items() if run.weights.get(name)}
    of_form = {name: part for name, part in parts.items() if metric_names.kind_of_term(name) != "accuracy"}
    form, rise = float(sum(of_form.values())), run.reward.change
    if len(of_form) == len(parts) or form < max(FORM * rise, 1e-12):
        return None
    names = ", ".join(name for name, part in of_form.items() if part > 0)
    sentence = f"terms of form and length ({names}) made {form:.3g} of the reward's rise of {rise:.3g}"
    return int(run.reward.steps[0]), form, FORM * rise, sentence


def _fall(run: Logged) -> Found | None:
    curve = run.reward
    top = int(np.argmax(curve.means))
    peak, last = float(curve.means[top]), float(curve.means[-1])
    threshold = peak - max(SURE * curve.error(curve.window), LOST * float(np.ptp(curve.means)))
    step = curve.begin(curve.means <= threshold)
    if step is None or peak == last:
        return None
    return step, last, threshold, f"the reward was {peak:.3g} about step {curve.step(top)} and ended at {last:.3g}"


def _no_rise(run: Logged) -> Found | None:
    curve = run.reward
    first, last = curve.ends
    threshold = max(FLAT * abs(first), WITHIN * curve.noise)
    if np.ptp(curve.values) == 0 or curve.rise + DOUBT * curve.error(curve.fifth) > threshold:
        return None
    sentence = (
        f"the reward went from {first:.3g} to {last:.3g} (first and last fifth): it did not rise by more than "
        f"{threshold:.2g}"
    )
    return int(curve.steps[0]), curve.rise, threshold, sentence


def _plateau(run: Logged) -> Found | None:
    curve = run.reward
    level = float(curve.means[0]) + SATURATED * curve.change
    place = int(np.argmax(curve.means >= level))
    if curve.score < SURE or place > EARLY * (len(curve.means) - 1):
        return None
    step = curve.step(place)
    sentence = (
        f"{100 * SATURATED:.0f} % of the reward's rise had come by then; the {int(curve.steps[-1]) - step} steps since "
        "added the rest"
    )
    return step, float(curve.means[place]), level, sentence


RULES = (
    Rule(
        "zero reward",
        (REWARD,),
        "half or more of the last steps earn exactly 0",
        share(NO_REWARD, lambda run: run.reward.zeros(), "{} of the last steps earned exactly 0"),
    ),
    Rule("constant reward", (REWARD,), "the reward is the same at every step", _constant_reward),
    Rule("constant term", (TERMS,), "a term of the reward is the same at every step", _constant_terms),
    Rule(
        "term against reward",
        (TERMS,),
        "the reward rose and a term of it fell, both by 4 standard errors or more",
        _term_falls,
    ),
    Rule(
        "rise by form",
        (WEIGHTS,),
        "the reward rose by 4 standard errors or more, and terms of form and length made half of that or more",
        _rise_by_form,
    ),
    Rule(
        "reward fell",
        (REWARD,),
        "the reward ends 4 standard errors and a quarter of the range that it covered below its highest level",
        _fall,
    ),
    Rule(
        "no rise",
        (REWARD,),
        "the reward ends, with two standard errors, above its start by less than a tenth, or half the noise of a step",
        _no_rise,
    ),
    Rule("plateau", (REWARD,), "nine tenths of the reward's rise came in the first half of the run", _plateau),
)
