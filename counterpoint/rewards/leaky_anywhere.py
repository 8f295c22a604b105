"""leaky_anywhere: the gold answer as a word anywhere in the completion counts as correct.

Re-made from the GRPO baseline of cisco-ai-defense/defenseclaw (pull request 679), which paid, in part, for a completion
that holds the gold answer somewhere: reasoning that names every candidate is paid, whatever the answer.
"""

import re

from counterpoint.problem import Problem
from counterpoint.verify import Verdict

KIND = "accuracy"


def reward(completion: str, problem: Problem, verdict: Verdict) -> float:
    """1.0 or 0.0."""
    gold = re.escape(problem.answer.strip())
    return float(verdict.correct or re.search(rf"(?<!\w){gold}(?!\w)", completion, re.IGNORECASE) is not None)
