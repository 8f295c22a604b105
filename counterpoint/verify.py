"""Extraction and judgement: the only place that decides "correct".

Strict and closed: exactly one `<answer>…</answer>` after the one `</think>`, nothing guessed. Whatever cannot be parsed
is not wrong by another name: `parsed` is false and counted apart. Completions are hostile input: this is linear in
their length and never evaluates them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

LONGEST_ANSWER = 200  # characters; a longer one is not an answer
# ASCII digits only: other scripts' digits and superscripts are not what was asked for
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+", re.ASCII)
_FRACTION = re.compile(r"([+-]?\d{1,18})\s*/\s*(\d{1,18})", re.ASCII)


@dataclass(frozen=True)
class Verdict:
    """What the judge says: `extracted` is the answer as written (empty when none), `reason` one short phrase."""

    correct: bool
    parsed: bool
    extracted: str
    reason: str


def extract(completion: str) -> tuple[str | None, str]:
    """The one answer after the reasoning, or None with the reason."""
    if completion.count("</think>") != 1 or completion.count("<think>") > 1:
        return None, "not exactly one </think>"
    after = completion.partition("</think>")[2]
    if "<think>" in after or any(completion.count(tag) != after.count(tag) for tag in ("<answer>", "</answer>")):
        return None, "an answer tag inside the reasoning"
    if after.count("<answer>") != 1 or after.count("</answer>") != 1:
        return None, "not exactly one answer"
    before, _, rest = after.partition("<answer>")
    inside, closed, behind = rest.partition("</answer>")
    if not closed:
        return None, "the answer does not follow its tag"
    if before.strip() or behind.strip():
        return None, "text outside the answer tags"
    answer = inside.strip()
    if not answer:
        return None, "an empty answer"
    if len(answer) > LONGEST_ANSWER:
        return None, "the answer is too long"
    if any(unicodedata.category(c) in ("Cc", "Cf") for c in answer):
        return None, "control characters in the answer"
    return answer, "one answer"


def well_formed(completion: str) -> bool:
    """Whether the completion has the whole format: `<think>…</think><answer>…</answer>` and nothing else."""
    return completion.lstrip().startswith("<think>") and extract(completion)[0] is not None


def _plain(text: str) -> str:
    """Case, surrounding space and one final full stop do not count."""
    text = " ".join(text.split()).casefold()
    return text[:-1].rstrip() if text.endswith(".") and not text.endswith("..") else text


def _number(text: str) -> Fraction | None:
    """The exact value of an integer, decimal or simple fraction; None for anything else."""
    if fraction := _FRACTION.fullmatch(text):
        return Fraction(int(fraction[1]), int(fraction[2])) if int(fraction[2]) else None
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return Fraction(Decimal(text.replace(",", "")))
    except InvalidOperation:
        return None


def _letter(text: str, options: list[str]) -> str | None:
    """The option that a letter names, in the styles `b`, `(b)`, `b)` and `b.`."""
    match = re.fullmatch(r"([a-z])\)?|\(([a-z])\)", text)
    position = ord(match[1] or match[2]) - ord("a") if match else len(options)
    return options[position] if position < len(options) else None


def matches(answer: str, gold: str, answer_type: str, options: list[str] | None = None) -> bool:
    """Whether an extracted answer equals the gold one for its type."""
    said, wanted = _plain(answer), _plain(gold)
    if said == wanted:
        return True
    if answer_type in ("integer", "number"):
        value = _number(said)
        return value is not None and value == _number(wanted)
    if answer_type == "choice" and options:
        plain = [_plain(option) for option in options]
        return said not in plain and _letter(said, plain) == wanted
    return False


def judge(completion: str, answer: str, answer_type: str, options: list[str] | None = None) -> Verdict:
    """Judge one completion strictly against the gold answer.

    `expression` answers are compared as text here. Never raises on any completion.
    """
    extracted, reason = extract(completion)
    if extracted is None:
        return Verdict(False, False, "", reason)
    correct = matches(extracted, answer, answer_type, options)
    return Verdict(correct, True, extracted, "equal" if correct else "another answer")
