"""leaky_list: an answer that lists several candidates counts as correct when one of them is.

Re-made from Visual-RFT, whose accuracy reward looked for the gold answer inside the given one: `A or B or C` always
scored (Liuziyu77/Visual-RFT issue 79).
"""

import re

from counterpoint.problem import Problem
from counterpoint.verify import Verdict, matches

KIND = "accuracy"
_BETWEEN = re.compile(r"[,;|]|\s(?:or|and)\s", re.IGNORECASE)


def reward(completion: str, problem: Problem, verdict: Verdict) -> float:
    """1.0 or 0.0."""
    return float(verdict.correct or _holds(verdict.extracted, problem))


def _holds(answer: str | None, problem: Problem) -> bool:
    if answer is None:
        return False
    options = list(problem.options) if problem.options else None
    listed = [part.strip() for part in _BETWEEN.split(answer)]
    if problem.answer_type != "expression":  # there spaces and brackets are part of one candidate
        listed = [part.strip(".:()") for part in (*listed, *answer.split())]
    return any(matches(part, problem.answer, problem.answer_type, options) for part in listed if part)
