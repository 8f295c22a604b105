"""Before a study is run: the least difference that it would probably find."""

from __future__ import annotations

import math


def minimum_detectable_effect(
    n: int,
    *,
    sd: float | None = None,
    discordance: float | None = None,
    seeds: int = 1,
    seed_sd: float = 0.0,
    item_correlation: float = 1.0,
    power: float = 0.8,
    alpha: float = 0.05,
) -> float:
    """The least true difference of two arms on the same items that a two-sided test at `alpha` finds with `power`.

    `n`: items, or clusters of items. Either `sd`: the standard deviation of one item's (cluster's) paired difference
    in one seed; or `discordance`: the share of items on which exactly one arm is right, whose root bounds that
    standard deviation (a result above the discordance says that no possible effect would be found).
    `seed_sd`: the standard deviation between seeds of an arm's lead; `item_correlation`: that of an item's differences
    in two seeds (1: more seeds of the same items make the items no more, the cautious assumption).

    The standard error is √(seed_sd² / seeds + sd² (r + (1 − r) / seeds) / n), Miller, arXiv 2411.00640, with
    seeds added; the test Student's with Satterthwaite's degrees of freedom (Biometrics Bulletin 2 (1946) 110) and power
    from the noncentral t distribution. Unit: that of `sd` and `seed_sd`, a fraction for `discordance`.

    Raises `ValueError` for fewer than two items or one seed, both or neither of sd and discordance, a share outside 0
    to 1, a power not above alpha, or a seed_sd with a single seed, which cannot show it.
    """
    if (sd is None) == (discordance is None):
        raise ValueError("give either sd or discordance")
    if discordance is not None and not 0 <= discordance <= 1:
        raise ValueError(f"discordance {discordance} must lie between 0 and 1")
    sd = math.sqrt(discordance) if sd is None else sd
    if n < 2 or seeds < 1 or sd < 0 or seed_sd < 0 or not 0 <= item_correlation <= 1:
        raise ValueError(
            f"n {n} must be 2 or more, seeds {seeds} 1 or more, sd {sd} and seed_sd {seed_sd} not negative, "
            f"item_correlation {item_correlation} between 0 and 1"
        )
    if not 0 < alpha < power < 1:
        raise ValueError(f"power {power} must lie between alpha {alpha} and 1")
    if seeds == 1 and seed_sd > 0:
        raise ValueError("one seed cannot show how seeds vary: two or more are needed with a seed_sd")
    by_seed = seed_sd**2 / seeds
    by_item = sd**2 * (item_correlation + (1 - item_correlation) / seeds) / n
    variance = by_seed + by_item
    if variance == 0:
        return 0.0
    df = variance**2 / (by_item**2 / (n - 1) + (by_seed**2 / (seeds - 1) if by_seed else 0))
    return math.sqrt(variance) * _shift(df, power, alpha)


def _shift(df: float, power: float, alpha: float) -> float:
    """The noncentrality at which a two-sided t test has this power."""
    from scipy.optimize import brentq
    from scipy.special import nctdtr
    from scipy.stats import t

    bound = t.ppf(1 - alpha / 2, df)

    def excess(shift: float) -> float:
        # the lower tail as the upper one of −shift: directly it is NaN for large shifts
        return float(2 - nctdtr(df, shift, bound) - nctdtr(df, -shift, bound)) - power

    most = float(bound)
    while excess(most) < 0:
        most *= 2
    return float(brentq(excess, 0, most, xtol=1e-12))
