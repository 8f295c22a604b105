"""Arithmetic over whole numbers: what an expression comes to, and which numbers it writes.

For problems that ask for an expression over given numbers ("use each card once to make 14"). sympy would have no way to
say which numbers were written. Python's parser reads the text, and nothing of a completion is ever evaluated as code.
"""

from __future__ import annotations

import ast
import operator
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

LONGEST = 200  # characters
DEEPEST = 20  # brackets within brackets
_SAME = str.maketrans({"×": "*", "·": "*", "÷": "/", "\u2212": "-", "[": "(", "]": ")"})
_TOKENS = re.compile(r"(?:\s*(?:\d{1,9}(?!\d)|[-+*/()]))+", re.ASCII)
_LEADING_ZEROS = re.compile(r"\b0+(?=\d)")
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


@dataclass(frozen=True)
class Arithmetic:
    """What an expression comes to, exactly, and the numbers that it writes, in their order."""

    value: Fraction
    numbers: tuple[int, ...]


def read(text: str) -> Arithmetic | None:
    """The expression that `text` writes with whole numbers, + - * / and brackets; None for anything else.

    No signs (-3), no products without a sign (2(3+4)), no equations, no division by zero. Linear in its length.
    """
    text = text.strip().translate(_SAME)
    if len(text) > LONGEST or not _TOKENS.fullmatch(text):
        return None
    if max(accumulate((c == "(") - (c == ")") for c in text)) > DEEPEST:
        return None
    text = _LEADING_ZEROS.sub("", " ".join(text.split()))
    try:
        value = _value(ast.parse(text, mode="eval").body)
    except (SyntaxError, TypeError, ZeroDivisionError):
        return None
    return Arithmetic(value, tuple(map(int, re.findall(r"\d+", text))))


def _value(node: ast.expr) -> Fraction:
    """Raises TypeError for what is neither a number nor one of the four operations."""
    match node:
        case ast.Constant():
            return Fraction(node.value)
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise TypeError(node)


def reaches(answer: str, gold: str, given: Iterable[str]) -> bool:
    """Whether `answer` comes to the same as `gold` and uses exactly the `given` numbers, each as often as given."""
    ours, wanted = read(answer), read(gold)
    if ours is None or wanted is None or ours.value != wanted.value:
        return False
    return Counter(map(str, ours.numbers)) == Counter(given)
