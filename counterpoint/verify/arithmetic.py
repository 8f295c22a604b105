"""Arithmetic over whole numbers, read by hand: what it comes to, and which numbers it uses.

For problems that ask for an expression over given numbers ("use each card once to make 14"). sympy would have no way to
say which numbers were written, and nothing of a completion is ever evaluated as code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

LONGEST = 200  # characters
DEEPEST = 20  # brackets within brackets
_SAME = str.maketrans({"×": "*", "·": "*", "÷": "/", "\u2212": "-", "[": "(", "]": ")"})
_TOKEN = re.compile(r"\s*(\d{1,9}(?!\d)|[-+*/()])", re.ASCII)


@dataclass(frozen=True)
class Arithmetic:
    """What an expression comes to, exactly, and the numbers that it writes, in their order."""

    value: Fraction
    numbers: tuple[int, ...]


def read(text: str) -> Arithmetic | None:
    """The expression that `text` writes with whole numbers, + - * / and brackets; None for anything else.

    No signs (-3), no products without a sign (2(3+4)), no equations, no division by zero. Linear in its length.
    """
    tokens = _tokens(text.strip().translate(_SAME))
    if not tokens:
        return None
    numbers: list[int] = []
    try:
        value, end = _sum(tokens, 0, 0, numbers)
    except (ValueError, IndexError, ZeroDivisionError):
        return None
    return Arithmetic(value, tuple(numbers)) if end == len(tokens) else None


def reaches(said: str, gold: str, given: Iterable[str]) -> bool:
    """Whether `said` comes to the same as `gold` and uses exactly the `given` numbers, each as often as it is given."""
    ours, wanted = read(said), read(gold)
    if ours is None or wanted is None or ours.value != wanted.value:
        return False
    return Counter(map(str, ours.numbers)) == Counter(given)


def _tokens(text: str) -> list[str]:
    """The tokens of the whole text; none where something else stands in it."""
    tokens, at = [], 0
    while len(text) <= LONGEST and (match := _TOKEN.match(text, at)):
        tokens.append(match[1])
        at = match.end()
    return tokens if at == len(text) else []


def _sum(tokens: list[str], at: int, depth: int, numbers: list[int]) -> tuple[Fraction, int]:
    value, at = _product(tokens, at, depth, numbers)
    while at < len(tokens) and tokens[at] in "+-":
        sign = tokens[at]
        other, at = _product(tokens, at + 1, depth, numbers)
        value = value + other if sign == "+" else value - other
    return value, at


def _product(tokens: list[str], at: int, depth: int, numbers: list[int]) -> tuple[Fraction, int]:
    value, at = _factor(tokens, at, depth, numbers)
    while at < len(tokens) and tokens[at] in "*/":
        sign = tokens[at]
        other, at = _factor(tokens, at + 1, depth, numbers)
        value = value * other if sign == "*" else value / other
    return value, at


def _factor(tokens: list[str], at: int, depth: int, numbers: list[int]) -> tuple[Fraction, int]:
    """A number or a bracket. Raises ValueError, or IndexError at the end, where neither stands."""
    if tokens[at] == "(" and depth < DEEPEST:
        value, at = _sum(tokens, at + 1, depth + 1, numbers)
        if tokens[at] != ")":
            raise ValueError
        return value, at + 1
    numbers.append(int(tokens[at]))
    return Fraction(numbers[-1]), at + 1
