"""The strict judge: exactly one `<answer>…</answer>` after the one `</think>`, nothing guessed.

Whatever cannot be parsed is not wrong by another name: `parsed` is false and counted apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial

from counterpoint.verify import arithmetic, expression
from counterpoint.verify.verdict import Verdict, unreadable

# ASCII digits only: other scripts' digits and superscripts are not what was asked for
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+", re.ASCII)
_FRACTION = re.compile(r"([+-]?\d{1,18})\s*/\s*(\d{1,18})", re.ASCII)
_LETTER = re.compile(r"\(([A-Za-z])\)|([A-Za-z])\)?")
_LETTER_AND_TEXT = re.compile(r"(?:\(([A-Za-z])\)|([A-Za-z])[).])\s+(.+)")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_FORMULA = re.compile(r"[$\\^_]")  # what tells that a text holds one
_DOLLAR = re.compile(r"(?<!\\)\$")
_DELIMITER = re.compile(r"\\[()\[\]]")
_STYLED = re.compile(r"\\(?:text|textrm|textbf|textit|mathrm|mathbf|mathit)\s*\{([^{}\\]*)\}")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|[^\W\d_]+|\S", re.ASCII)
_LONE = re.compile(r"(\\[A-Za-z]+|[\^_]) \{ (\S+) \}")  # braces that hold one token: x^{2} is x^2

EQUAL, ANOTHER = "equal", "another answer"


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
    if reason := unreadable(answer):
        return None, reason
    return answer, "one answer"


def well_formed(completion: str) -> bool:
    """Whether the completion has the whole format: `<think>…</think><answer>…</answer>` and nothing else."""
    return completion.lstrip().startswith("<think>") and extract(completion)[0] is not None


def _spaced(text: str) -> str:
    """Surrounding space and one final full stop do not count, and models write U+2212 for a minus sign."""
    text = " ".join(text.split()).replace("\u2212", "-")
    return text[:-1].rstrip() if text.endswith(".") and not text.endswith("..") else text


def _plain(text: str) -> str:
    """Nor does case."""
    return _spaced(text).casefold()


def _number(text: str) -> Fraction | None:
    """The exact value of an integer, decimal or simple fraction; None for anything else."""
    if fraction := _FRACTION.fullmatch(text):
        return Fraction(int(fraction[1]), int(fraction[2])) if int(fraction[2]) else None
    return Fraction(Decimal(text.replace(",", ""))) if _NUMBER.fullmatch(text) else None


def _named(answer: str, options: list[str], fold: Callable[[str], str]) -> str | None:
    """The option (of the folded `options`) that an answer names other than by its text, or None.

    Its letter as `b`, `(b)`, `b)` or `b.`; letter and text that agree, as `(b) text`, `b) text` or `b. text`; a number
    that equals exactly one option. A letter that is itself an option but stands at another's place could mean either,
    so it names none. Letters are ASCII: U+212A (the Kelvin sign) is a "k" only once its case is folded.
    """
    if match := _LETTER.fullmatch(answer):
        letter = match[1] or match[2]
        option = _lettered(letter, options)
        return option if fold(letter) not in options or fold(letter) == option else None
    if match := _LETTER_AND_TEXT.fullmatch(answer):
        option = _lettered(match[1] or match[2], options)
        return option if option == fold(match[3]) else None
    if (value := _number(answer)) is None:
        return None
    equal = {option for option in options if _number(option) == value}
    return equal.pop() if len(equal) == 1 else None


def _lettered(letter: str, options: list[str]) -> str | None:
    position = ord(letter.lower()) - ord("a")
    return options[position] if position < len(options) else None


def _chose(answer: str, gold: str, options: list[str]) -> bool:
    """Whether the answer names the option that is the gold's text.

    Case counts where only it tells options apart, and so does how a formula is written (`_formula`).
    """
    exact = {_spaced(option) for option in options}
    fold = _plain if len({_plain(option) for option in options}) == len(exact) else _spaced
    readings = [fold]
    if any(map(_FORMULA.search, (answer, *options))):
        readings.append(partial(_formula, case=str.casefold if fold is _plain else str))
    for read in readings:
        texts, wanted, given = [read(option) for option in options], read(gold), read(answer)
        if len(set(texts)) < len(exact):
            return False
        named = given if given in (wanted, *texts) else _named(_spaced(answer), texts, read)
        if named is not None:
            return named == wanted
    return False


def _formula(text: str, case: Callable[[str], str]) -> str:
    r"""A formula as its tokens: `$…$`, `\(…\)`, spaces, `\text`, `\dfrac`, `\left` and x^{2} for x^2 do not count."""
    if len(_DOLLAR.findall(text)) % 2 == 0:  # else it is a currency's
        text = _DOLLAR.sub(" ", text)
    text = expression.normal(_STYLED.sub(r" \1 ", _DELIMITER.sub(" ", _spaced(text))))
    tokens = _TOKEN.findall(text)
    text = " ".join(token if _COMMAND.fullmatch(token) else case(token.lstrip("\\") or token) for token in tokens)
    while (shorter := _LONE.sub(r"\1 \2", text)) != text:
        text = shorter
    return text


def matches(answer: str, gold: str, answer_type: str, options: list[str] | None = None) -> bool:
    """Whether an extracted answer equals the gold one for its type.

    `options` are what a `choice` chooses from, and the numbers that an `expression` must use, each exactly once.

    Raises `UserError` where an `expression` needs math-verify and it cannot be started.
    """
    return _compared(answer, gold, answer_type, options)[0]


def _compared(answer: str, gold: str, answer_type: str, options: list[str] | None) -> tuple[bool, str]:
    if answer_type == "choice" and options:
        correct = _chose(answer, gold, options)
    elif answer_type == "expression" and options:
        correct = arithmetic.reaches(_spaced(answer), gold, options)
    elif answer_type == "expression":
        return _same_expression(_spaced(answer), _spaced(gold))
    else:
        answer, gold = _plain(answer), _plain(gold)
        correct = answer == gold or (answer_type in ("integer", "number") and _same_number(answer, gold))
    return correct, EQUAL if correct else ANOTHER


def _same_number(answer: str, gold: str) -> bool:
    value = _number(answer)
    return value is not None and value == _number(gold)


def _same_expression(answer: str, gold: str) -> tuple[bool, str]:
    """Text and numbers are compared without any algebra. Case counts where the gold has a letter in both (r and R)."""
    letters = set(filter(str.isalpha, gold))
    fold = str.casefold if len({c.casefold() for c in letters}) == len(letters) else str
    commands = _COMMAND.findall(answer) == _COMMAND.findall(gold)  # \Omega is another letter than \omega
    if (commands and fold(answer) == fold(gold)) or _same_number(answer, gold):
        return True, EQUAL
    if _number(answer) is not None and _number(gold) is not None:
        return False, ANOTHER
    return expression.equal(answer, gold)


def judge(completion: str, answer: str, answer_type: str, options: list[str] | None = None) -> Verdict:
    """Judge one completion strictly against the gold answer.

    Accepted beside the gold text itself: other case, surrounding space, one final full stop, U+2212 for a minus sign;
    for numbers thousands commas and equal fractions and decimals; for a `choice`, whose gold is an option's text, its
    letter (`_named` has the styles) and the same formula in other LaTeX (`_formula`); for an `expression` an equal one
    (`counterpoint.verify.expression`), which where there are options uses exactly these numbers
    (`counterpoint.verify.arithmetic`). Units, per-cent signs and words belong to the answer. Never raises on any
    completion, but see `matches`.
    """
    extracted, reason = extract(completion)
    if extracted is None:
        return Verdict(False, False, None, reason)
    correct, reason = _compared(extracted, answer, answer_type, options)
    return Verdict(correct, True, extracted, reason)
