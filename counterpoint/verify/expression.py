"""Equality of `expression` answers, by math-verify in a process of its own.

Nothing hostile reaches sympy: length, characters, commands, nesting, digits and exponents are checked first. What is
left `worker.py` compares, and `server.py` holds it to its time.
"""

from __future__ import annotations

import re
from math import prod

from counterpoint.verify.verdict import LONGEST_ANSWER

LONGEST_NUMBER = 20  # digits
DEEPEST = 6  # brackets within brackets
LARGEST_EXPONENT = 99  # the product of them where one stands on another: ((9^9)^9)^9 is a tower as well
LARGEST_FACTORIAL = 20

FUNCTIONS = {
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log", "ln", "exp",
    "sqrt", "pi",
}  # fmt: skip
_COMMANDS = FUNCTIONS | {
    "frac", "cdot", "times", "div", "infty", "alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "phi", "omega",
    "rho", "sigma", "tau", "varphi", "epsilon",
}  # fmt: skip
_SAME = {
    "−": "-", "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "π": r"\pi ", "∞": r"\infty ", "≤": "<=", "≥": ">=",
    "≠": "!=", r"\leq": "<=", r"\le": "<=", r"\geq": ">=", r"\ge": ">=", r"\neq": "!=", r"\ne": "!=",
    r"\dfrac": r"\frac", r"\tfrac": r"\frac",
    r"\left": "", r"\right": "", r"\{": "⟨", r"\}": "⟩", r"\!": "", r"\,": " ", r"\;": " ",
    r"\:": " ", r"\ ": " ", r"\lt": "<", r"\gt": ">", "**": "^", "⟨": r"\langle ", "⟩": r"\rangle ",
}  # fmt: skip
# a backslash takes all letters that follow, so that \le is not found in \left
_TO_SAME = re.compile(r"\\[A-Za-z]+|\\[{}!,;: ]|\*\*|[−×·÷π∞≤≥≠⟨⟩]")
_ALLOWED = re.compile(r"[0-9A-Za-z\s+\-*/^_.,=<>!|()\[\]{}⟨⟩\\]*")
_NAME = re.compile(r"(\\?)([A-Za-z]{2,})")
_PRODUCTS = (set("xyz"), set("abc"))  # longer runs of other letters are words, not products
_SHORT_FRACTION = re.compile(r"\\frac\s*(?:\{(\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_CLOSING = {"(": ")", "[": "]", "⟨": "⟩", "{": "}"}
_INTERVALS = ("(]", "[)")
_POWER_OF_A_LETTER = re.compile(r"(?<![A-Za-z])[A-Za-z]\s*\^\s*(?:\{\s*\d\s*\}|\d(?!\d))")
_NO_EXPONENT = re.compile(
    r"\^\s*(?:T|\(\s*T\s*\)|\{\s*(?:T|st|nd|rd|th|\(\s*(?:\d+|T)\s*\))\s*\})"  # a transpose, an ordinal, a derivative
)
_INVERSE = re.compile(r"(?<![A-Za-z])[fghFGH]\s*\^\s*(?:\{[^{}]*\}|-?\w)\s*\(")
_BASE = re.compile(r"(?<=[\d)\]}|])\s*_\s*(?:\{\s*(\d+)\s*\}|(\d+))")
_ARGUMENT = re.compile(r"(\\?[A-Za-z]+|[\d)])\s*\{")
_STRAY_COMMA = re.compile(r"[(\[{⟨,]\s*,|,\s*(?:[)\]}⟩]|$)|^\s*,")
_SIMPLE_EXPONENT = re.compile(r"[+-]?\s*(?:\d*\.\d+|\d+|\\[A-Za-z]+|[A-Za-z])")


def equal(answer: str, gold: str) -> tuple[bool, str]:
    """Whether two expressions are equal, and why (not). Terms are compared by value, relations with both sides and
    their direction, tuples in order, sets and bare lists in any order; an equation is not its right side.

    Raises `UserError` when math-verify cannot be started.
    """
    if len(gold) > LONGEST_ANSWER:
        return False, "the gold answer is not compared as an expression: it is too long"
    answer, gold = normal(answer), normal(gold)
    if answer == gold:
        return True, "equal"
    for text, whose in ((answer, "the answer"), (gold, "the gold answer")):
        if reason := refusal(text):
            return False, f"{whose} is not compared as an expression: {reason}"
    from counterpoint.verify import server  # it starts a process: never for other answers

    return server.ask(answer, gold)


def normal(text: str) -> str:
    """One way of writing for what LaTeX, code and keyboards write in several; braces of sets become ⟨ and ⟩."""
    text = text.strip()
    for left, right in (("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
        if len(text) > len(left + right) and text.startswith(left) and text.endswith(right):
            text = text[len(left) : -len(right)].strip()
    text = _TO_SAME.sub(lambda match: _SAME.get(match[0], match[0]), text).strip()
    text = _SHORT_FRACTION.sub(lambda match: rf"\frac{{{match[1] or match[2]}}}{{{match[3] or match[4]}}}", text)
    text = _BASE.sub(lambda match: f"_{{{match[1] or match[2]}}}", text)  # 52_8 is 52_{8}
    if text.startswith("{") and text.endswith("}"):
        text = f"⟨{text[1:-1]}⟩"
    return text.replace(",", "") if _THOUSANDS.fullmatch(text) else " ".join(text.split())


def refusal(text: str) -> str:
    """Why a normalised text is not shown to sympy; empty when it may be."""
    if not _ALLOWED.fullmatch(text):
        return "a character that has no place in one"
    if re.search(r"\\(?![A-Za-z])", text):
        return "a lone backslash"
    for slash, name in _NAME.findall(text):
        if slash and name not in _COMMANDS:
            return "an unknown command"
        if not slash and name not in FUNCTIONS and not _product(name):
            return "a word"
    if re.search(rf"\d{{{LONGEST_NUMBER + 1},}}", text):
        return "a number of too many digits"
    if re.search(r"[\d.]\s+[\d.]|\.\d*\.|(?<!\d)\.(?!\d)", text):
        return "numbers without a sign between them"
    closed = partners(text)
    if closed is None:
        return "brackets that do not match or nest too deeply"
    return _powers(text, closed) or _factorials(text) or _dropped(text)


def _dropped(text: str) -> str:
    """Refuses what math-verify leaves out without a word, so that 52_8, 52_9 and 52 would be one number to it."""
    for at in (match.start() for match in re.finditer("_", text)):
        name = re.search(r"(\\?)([A-Za-z]+)\s*$", text[:at])
        if not name or (name[2] in FUNCTIONS and name[2] != "log"):
            return "a subscript of what is no name"
    for match in _ARGUMENT.finditer(text):
        before = text[: match.start()].rstrip()
        if match[1][0] != "\\" and match[1] not in FUNCTIONS and not before.endswith((r"\frac", "_")):
            return "braces that hold no argument"
    if _NO_EXPONENT.search(text) or _INVERSE.search(text):
        return "an exponent that is no power"
    if _STRAY_COMMA.search(text):
        return "a comma without a member"
    return ""


def _product(name: str) -> bool:
    """Whether letters side by side are variables and no word ("no", "or" and "cat" are words, "xy" and "abc" not)."""
    return ("o" not in name.lower()) if len(name) == 2 else any(set(name) <= letters for letters in _PRODUCTS)


def partners(text: str) -> dict[int, int] | None:
    """Where each opening bracket closes, by position; None when they do not match or nest too deeply."""
    closed, open_ = {}, []
    for at, c in enumerate(text):
        if c in _CLOSING:
            open_.append(at)
            if len(open_) > DEEPEST:
                return None
        elif c in _CLOSING.values():
            if not open_ or (_CLOSING[text[open_[-1]]] != c and text[open_[-1]] + c not in _INTERVALS):
                return None
            closed[open_.pop()] = at
    return None if open_ else closed


def _powers(text: str, closed: dict[int, int]) -> str:
    """Refuses towers and large powers, whose values would not fit into memory."""
    opened = {end: start for start, end in closed.items()}
    powers = []  # where the base starts and ends, and how large the exponent may be
    for at in (match.start() for match in re.finditer(r"\^", text)):
        exponent = exponent_after(text, at, closed)
        if exponent is None:
            return "a power without an exponent"
        inside, after = text[slice(*exponent)], text[exponent[1] :].lstrip()
        # a power of a letter may stand in an exponent, as in e^{-x^2}
        if after.startswith(("^", "!")) or "!" in inside or "^" in _POWER_OF_A_LETTER.sub("", inside):
            return "a tower of powers"
        end = len(text[:at].rstrip()) - 1
        size = prod(max(1, int(number)) for number in re.findall(r"\d+", inside))
        powers.append((0 if text[end] == "|" else opened.get(end, at), at, size))
    for start, at, _ in powers:
        if prod(size for first, last, size in powers if first <= start and at <= last) > LARGEST_EXPONENT:
            return "too large an exponent"
    return ""


def exponent_after(text: str, at: int, closed: dict[int, int]) -> tuple[int, int] | None:
    """Where the exponent that belongs to the `^` at this position starts and ends."""
    start = len(text) - len(text[at + 1 :].lstrip())
    if start in closed:
        return start, closed[start] + 1
    match = _SIMPLE_EXPONENT.match(text, start)
    return match and (start, match.end())


def _factorials(text: str) -> str:
    for match in re.finditer(r"!(?!=)", text):
        number = re.search(r"(?<![\d.])(\d{1,2})\s*$", text[: match.start()])
        if not number or int(number[1]) > LARGEST_FACTORIAL:
            return "a factorial of more than a small number"
    return ""


def split(text: str, separator: str) -> tuple[list[str], list[str]]:
    """The parts between matches of a pattern outside all brackets, and those matches."""
    parts, separators, depth, start = [], [], 0, 0
    for match in re.finditer(rf"([(\[⟨{{])|([)\]⟩}}])|{separator}", text):
        if match[1] or match[2]:
            depth += 1 if match[1] else -1
        elif not depth:
            parts.append(text[start : match.start()].strip())
            separators.append(match[0])
            start = match.end()
    return [*parts, text[start:].strip()], separators
