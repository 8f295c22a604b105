"""Each sign on a run that shows it and on one that just does not; noise and short logs show none."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from counterpoint.audit import health
from counterpoint.audit.curves import Curve, Logged
from counterpoint.audit.health import RULES
from counterpoint.audit.signs import FEWEST

N = 100
STEPS = np.arange(1, N + 1)
RNG = np.random.default_rng(7)
NOISE = RNG.standard_normal(N)
TIME = np.linspace(0, 1, N)


def of(values) -> Curve:
    """A curve of 100 values at steps 1 to 100, NaN where nothing finite was logged."""
    values = np.broadcast_to(np.asarray(values, float), N)
    finite = np.isfinite(values)
    return Curve(STEPS[finite], values[finite], None if finite.all() else int(STEPS[~finite][0]))


RISING = of(0.3 + 0.4 * TIME + 0.02 * NOISE)


def metric(name: str, values) -> Logged:
    """A run whose reward rises and that logs one metric."""
    return Logged(RISING, {name: of(values)})


def reward(values, terms=None, weights=None) -> Logged:
    """A run of this reward and these terms."""
    return Logged(of(values), {}, {name: of(course) for name, course in (terms or {}).items()}, weights or {})


def falls(last: float) -> np.ndarray:
    """From 1 to `last` in the middle of the run, with noise of 3 %."""
    return np.where(TIME < 0.5, 1.0, last) * (1 + 0.03 * NOISE)


def spiked(size: float) -> np.ndarray:
    """Gradients about 1 with one of `size` at step 61."""
    return np.where(STEPS == 61, size, 1 + 0.1 * NOISE)


ALTERNATING = np.where(STEPS % 2, 0.0, 1.0)
SHOWN = {  # by sign: a run that shows it, one that does not, and the step from which it is shown
    "not a number": (metric("loss", np.where(STEPS < 40, 0.1, np.nan)), metric("loss", 0.1), 40),
    "entropy collapse": (metric("entropy", falls(0.2)), metric("entropy", falls(0.3)), 51),
    "entropy growth": (metric("entropy", falls(4.5)), metric("entropy", falls(3.5)), 51),
    "high KL": (metric("KL", 3 * TIME**2), metric("KL", 1.8 * TIME), 86),
    "longer completions": (metric("mean length", falls(1.7)), metric("mean length", falls(1.3)), 51),
    "shorter completions": (metric("mean length", falls(0.5)), metric("mean length", falls(0.7)), 51),
    "cut off": (metric("cut off", np.where(TIME < 0.5, 0, 0.2)), metric("cut off", np.where(TIME < 0.5, 0, 0.08)), 51),
    "no advantage": (metric("no advantage", 0.8 * TIME), metric("no advantage", 0.65 * TIME), 89),
    "no gradient": (metric("gradient norm", np.where(STEPS > 50, np.where(STEPS % 3, 0, 1), 1)),
                    metric("gradient norm", np.where(STEPS % 3, 1, 0)), 51),
    "vanishing gradient": (metric("gradient norm", falls(0.05)), metric("gradient norm", falls(0.2)), 51),
    "gradient spikes": (metric("gradient norm", spiked(12)), metric("gradient norm", spiked(6)), 61),
    "zero reward": (reward(np.where(STEPS <= 50, 0.3, 0)), reward(np.where(STEPS % 3, 0.3, 0)), 51),
    "constant reward": (reward(0.7), reward(0.7 + 0.01 * NOISE), 1),
    "constant term": (reward(RISING.values, {"format": 0, "right": RISING.values}),
                      reward(RISING.values, {"format": np.where(STEPS == 50, 0.1, 0)}), 1),
    "term against reward": (reward(RISING.values, {"right": 0.5 - 0.3 * TIME + 0.02 * NOISE}),
                            reward(RISING.values, {"right": 0.5 - 0.03 * TIME + 0.05 * NOISE}), None),
    "rise by form": (reward(RISING.values, {"format": TIME, "right": 0.1 * TIME}, {"format": 0.4, "right": 1}),
                     reward(RISING.values, {"format": TIME, "right": 0.3 * TIME}, {"format": 0.1, "right": 1}), 1),
    "reward fell": (reward(0.3 + np.minimum(TIME, 1.2 - TIME) + 0.02 * NOISE),
                    reward(0.3 + np.minimum(TIME, 0.9) + 0.02 * NOISE), None),
    "no rise": (reward(0.5 + 0.02 * NOISE), reward(0.5 + 0.1 * TIME + 0.02 * NOISE), 1),
    "plateau": (reward(0.3 + 0.4 * np.minimum(4 * TIME, 1) + 0.02 * NOISE), Logged(RISING), None),
}  # fmt: skip


def names(run: Logged) -> set[str]:
    """The signs that a run shows."""
    return {sign.name for sign in health.shown(run)}


def test_every_sign_is_tried():
    assert list(SHOWN) == [rule.name for rule in RULES]


@pytest.mark.parametrize("name", SHOWN)
def test_a_sign_is_shown_with_its_step_and_not_where_it_is_just_missed(name):
    ill, well, step = SHOWN[name]
    sign = next(sign for sign in health.shown(ill) if sign.name == name)
    assert step is None or abs(sign.step - step) <= 3
    assert np.isfinite([sign.value, sign.threshold]).all() or name == "not a number"
    assert name not in names(well)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_short_log_shows_no_sign_and_says_why(rule):
    ill, _, _ = SHOWN[rule.name]
    if rule.name == "not a number":
        return  # one such value is enough

    def cut(curve: Curve) -> Curve:
        return Curve(curve.steps[:: N // FEWEST][1:], curve.values[:: N // FEWEST][1:])

    short = Logged(cut(ill.reward), {what: cut(c) for what, c in ill.metrics.items()},
                   {name: cut(c) for name, c in ill.terms.items()}, ill.weights)  # fmt: skip
    assert not names(short)
    assert rule.unjudged(short) == f"fewer than {FEWEST} values in the log"


def test_what_is_not_logged_is_not_judged():
    unjudged = {rule.name for rule in RULES if rule.unjudged(Logged(RISING)) == "not in the log"}
    assert {"entropy collapse", "high KL", "cut off", "constant term"} <= unjudged
    assert not unjudged & {"no rise", "plateau", "reward fell", "zero reward", "constant reward"}


@pytest.mark.parametrize("number", [20, 30, 60])
def test_noise_of_a_short_log_is_no_sign(number):
    rng = np.random.default_rng(number)
    steps = np.arange(number)

    def noisy(level: float, spread: float) -> Curve:
        return Curve(steps, np.abs(level + spread * rng.standard_normal(number)))

    count = Counter()
    for _ in range(200):
        metrics = {
            "entropy": noisy(0.4, 0.08),
            "mean length": noisy(200, 30),
            "KL": noisy(0.2, 0.1),
            "gradient norm": noisy(1, 0.4),
            "no advantage": noisy(0.4, 0.1),
            "cut off": noisy(0.03, 0.02),
        }
        terms = {"accuracy": noisy(0.3, 0.05), "format": noisy(0.8, 0.05)}
        count.update(names(Logged(noisy(0.4, 0.05), metrics, terms, {"accuracy": 0.9, "format": 0.1})))
    count.pop("no rise", None)  # which is true of them
    assert all(number <= 2 for number in count.values()), count


def test_where_no_share_of_groups_is_logged_equal_rewards_stand_for_it():
    assert "no advantage" in names(metric("reward spread", np.where(STEPS % 5, 0, 0.4)))
    assert "no advantage" not in names(metric("reward spread", ALTERNATING))


def test_a_term_that_the_reward_punishes_may_fall_and_one_that_it_ignores_is_named():
    terms = {"right": 0.5 - 0.3 * TIME + 0.02 * NOISE}
    assert "term against reward" not in names(reward(RISING.values, terms, {"right": -1}))
    assert "term against reward" in names(reward(RISING.values, terms, {"right": 0}))


def test_many_constant_terms_are_listed_shortly():
    terms = {f"term_{number}": number for number in range(12)}
    (sign,) = (sign for sign in health.shown(reward(RISING.values, terms)) if sign.name == "constant term")
    assert sign.value == 12 and "term_4 (4)" in sign.sentence and "and 7 more are" in sign.sentence
