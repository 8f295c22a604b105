"""What a judge says of one completion, and what both judges refuse to read as an answer."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

LONGEST_ANSWER = 200  # characters; a longer one is not an answer


@dataclass(frozen=True)
class Verdict:
    """What a judge says: `extracted` is the answer as written (None when there is none), `reason` one short phrase.

    `parsed` is false where no answer could be taken: that is counted apart from a wrong answer.
    """

    correct: bool
    parsed: bool
    extracted: str | None
    reason: str


def unreadable(answer: str) -> str:
    """Why no judge takes this text for an answer; empty when it may be one.

    Control, formatting (right-to-left marks, zero-width characters) and surrogate characters make a text read
    otherwise than it is stored.
    """
    if not answer:
        return "an empty answer"
    if len(answer) > LONGEST_ANSWER:
        return "the answer is too long"
    if not (answer.isascii() and answer.isprintable()) and any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in answer
    ):
        return "control characters in the answer"
    return ""


def answer_type(answer: str) -> str:
    """How an answer is compared whose type nobody states: `number` where it is one, else `text`."""
    try:
        return "number" if math.isfinite(float(answer.replace(",", ""))) else "text"
    except ValueError:
        return "text"
