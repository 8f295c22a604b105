"""accuracy: 1 when the strict judge finds the answer correct."""

from counterpoint.problem import Problem
from counterpoint.verify import Verdict

KIND = "accuracy"


def reward(completion: str, problem: Problem, verdict: Verdict) -> float:
    """1.0 or 0.0."""
    return float(verdict.correct)
