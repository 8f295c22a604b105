"""Decisions: within a margin stated beforehand or not, and over a family of tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class OneSidedTests:
    """Two one-sided tests of a difference against ± margin, and the interval that both read: 90 % for α = 5 %."""

    p_not_inferior: float  # against difference ≤ −margin
    p_not_superior: float  # against difference ≥ margin
    low: float
    high: float
    alpha: float

    @property
    def p_equivalent(self) -> float:
        """The p value of equivalence: the larger of the two."""
        return max(self.p_not_inferior, self.p_not_superior)

    @property
    def not_inferior(self) -> bool:
        """Whether the first is at most the margin worse."""
        return self.p_not_inferior < self.alpha

    @property
    def equivalent(self) -> bool:
        """Whether they differ by less than the margin."""
        return self.p_equivalent < self.alpha


def two_one_sided_tests(difference: float, se: float, df: float, margin: float, alpha: float = 0.05) -> OneSidedTests:
    """Is `difference` above −margin (not inferior), and is it within ± margin (equivalent)?

    Schuirmann, J. Pharmacokin. Biopharm. 15 (1987) 657. `difference`, its standard error `se` and the `margin`, fixed
    beforehand, have one unit; Student's t with `df` degrees of freedom (`math.inf`: normal). The interval has
    confidence 1 − 2α: it lies within the margins exactly when the two are equivalent. A `se` of 0 gives p = 0 or 1.

    Raises `ValueError` for a margin or df not above 0, a negative se, or an alpha outside 0 to 0.5.
    """
    from scipy.stats import t

    if not (0 < margin < math.inf and df > 0 and 0 <= se < math.inf and math.isfinite(difference)):
        raise ValueError(f"margin {margin} and df {df} must be above 0, difference {difference} and se {se} finite")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha {alpha} must lie between 0 and 0.5")
    above, below = difference + margin, margin - difference
    if se == 0:
        p_values = [float(distance <= 0) for distance in (above, below)]
    else:
        p_values = [float(t.sf(distance / se, df)) for distance in (above, below)]
    half = float(t.ppf(1 - alpha, df)) * se
    return OneSidedTests(p_values[0], p_values[1], difference - half, difference + half, alpha)


def holm(pvalues: Sequence[float] | np.ndarray) -> np.ndarray:
    """p values (tests) adjusted so that the chance of any false rejection in the family is at most the level.

    Holm, Scandinavian Journal of Statistics 6 (1979) 65. NaN stands for a test that could not be made: it stays NaN
    and is not counted. Raises `ValueError` for a p value outside 0 to 1.
    """
    adjusted = np.array(pvalues, float)
    if adjusted.ndim != 1:
        raise ValueError(f"a family is one row of p values, not {adjusted.shape}")
    made = ~np.isnan(adjusted)
    if not ((adjusted[made] >= 0) & (adjusted[made] <= 1)).all():
        raise ValueError(f"p values lie between 0 and 1, not {adjusted[made]}")
    places = np.flatnonzero(made)[np.argsort(adjusted[made], kind="stable")]
    # not statsmodels' multipletests: it collects garbage at every call, which takes it 0.2 s
    stepped = np.maximum.accumulate(adjusted[places] * np.arange(len(places), 0, -1))
    adjusted[places] = np.minimum(stepped, 1)
    return adjusted
