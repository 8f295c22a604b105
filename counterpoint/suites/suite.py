"""The description of a suite, and what of a problem it shows."""

from dataclasses import dataclass

from counterpoint.problem import Problem

# What a suite shows beside the question: the picture, the picture in words, both, or one picture that holds all.
SHOWS = ("image", "words", "words_and_image", "drawn")


@dataclass(frozen=True)
class Suite:
    """`split`: whose problems; `purpose`: a line for readers; `shows`: one of `SHOWS`.

    `axis` and `severity` place the suite on a curve of shifts that starts, at severity 0, with `in_domain`. `noise`
    (0 to 3) roughens the pictures. `instruction` stands in place of the study's own where it is not None. With
    `bare` the suite asks for no reasoning: a completion without any tag is the answer as it stands.
    """

    name: str
    split: str
    purpose: str
    shows: str = "image"
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
