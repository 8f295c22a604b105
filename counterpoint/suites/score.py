"""What a suite's completion is worth: the judges, after what the suite's own prompt asked for."""

from __future__ import annotations

from counterpoint.problem import Problem
from counterpoint.prompt import completion_text
from counterpoint.suites.suite import Suite
from counterpoint.verify import Verdict, judge, judge_leniently


def score(problem: Problem, completion: str, suite: Suite | None = None) -> Verdict:
    """The strict verdict. In a suite that asks for no reasoning a completion without tags is the answer itself."""
    return judge(_formatted(completion, suite), problem.answer, problem.answer_type, _options(problem))


def score_leniently(problem: Problem, completion: str, suite: Suite | None = None) -> Verdict:
    """What the second, independent judge says of the same completion."""
    return judge_leniently(_formatted(completion, suite), problem.answer, problem.answer_type, _options(problem))


def _formatted(completion: str, suite: Suite | None) -> str:
    return completion_text("", completion) if suite and suite.bare and "<" not in completion else completion


def _options(problem: Problem) -> list[str] | None:
    return list(problem.options) if problem.options else None
