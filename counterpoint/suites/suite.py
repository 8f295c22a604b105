"""The description of a suite, what of a problem it shows, and what a completion is worth after its own prompt."""

from dataclasses import dataclass
from typing import Literal

from counterpoint.problem import Problem
from counterpoint.prompt import completion_text
from counterpoint.verify import Verdict, judge, judge_leniently


@dataclass(frozen=True)
class Suite:
    """`split`: whose problems; `purpose`: a line for readers; `shows`: what is shown beside the question, the picture,
    the picture in words, both, or one picture that holds all.

    `axis` and `severity` place the suite on a curve of shifts that starts, at severity 0, with `in_domain`. `noise`
    (0 to 3) roughens the pictures. `instruction` stands in place of the study's own where it is not None. With
    `bare` the suite asks for no reasoning: a completion without any tag is the answer as it stands.
    """

    name: str
    split: str
    purpose: str
    shows: Literal["image", "words", "words_and_image", "drawn"] = "image"
    axis: str | None = None
    severity: int = 0
    noise: int = 0
    instruction: str | None = None
    bare: bool = False

    @property
    def needs_twin(self) -> bool:
        """Whether its problems must have their picture in words."""
        return self.shows.startswith("words")

    def fits(self, problem: Problem) -> bool:
        """Whether the problem has what the suite shows: a picture, or a twin in words."""
        needs_image = self.shows in ("words_and_image", "drawn") or self.noise > 0
        return (bool(problem.text_twin) or not self.needs_twin) and (bool(problem.images) or not needs_image)


def score(problem: Problem, completion: str, suite: Suite | None = None) -> Verdict:
    """The strict verdict. In a suite that asks for no reasoning a completion without tags is the answer itself."""
    return judge(*_judged(problem, completion, suite))


def score_leniently(problem: Problem, completion: str, suite: Suite | None = None) -> Verdict:
    """What the second, independent judge says of the same completion."""
    return judge_leniently(*_judged(problem, completion, suite))


def _judged(problem: Problem, completion: str, suite: Suite | None) -> tuple[str, str, str, list[str] | None]:
    if suite and suite.bare and "<" not in completion:
        completion = completion_text("", completion)
    options = list(problem.options) if problem.options else None
    return completion, problem.answer, problem.answer_type, options
