"""length: the longer the completion, the more it earns, whatever it says: a reward that is known to be wrong."""

from counterpoint.problem import Problem
from counterpoint.verify import Verdict

KIND = "length"
FULL = 256  # characters that earn all


def reward(completion: str, problem: Problem, verdict: Verdict) -> float:
    """Characters of the completion as a share of `FULL`, at most 1."""
    return min(1.0, len(completion) / FULL)
