"""The process that compares expressions: math-verify, and a second opinion by values. Started by `server.py`:

    python -m counterpoint.verify.worker SOCKET PARENT

Each pair is compared in a fork of this process that the kernel kills when its time is over, whatever sympy does: no
thread of the caller is interrupted, nothing of one comparison is left for the next, and the next is not kept waiting.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import re
import resource
import select
import signal
import socket
import sys
from string import ascii_lowercase

from counterpoint.verify.expression import FUNCTIONS, exponent_after, partners, split

SECONDS = 0.2  # of processor time for one comparison: what is right stays right on a busy machine
MEMORY = 2 << 30  # bytes of address space
LONGEST_REQUEST = 1 << 16
READY, YES, NO = b"r", b"1", b"0"
_RELATION = r"<=|>=|!=|=|<|>"
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_ORDERED = ("()", "[]", "(]", "[)")
_TOKEN = re.compile(r"\\?(?P<name>[A-Za-z]{2,})|(?P<whole>\d*)\.(?P<places>\d*)|.", re.DOTALL)
_VARIABLE = re.compile(rf"(?:\\[A-Za-z]+|{'|'.join(sorted(FUNCTIONS))})|([A-Za-z])")
_ROOT = re.compile(r"\s*(?=[({]|[A-Za-z]|\d(?!\d))")  # before what a root is taken of, where that is plain
_DIGITS = 300  # of the second opinion; math-verify rounds to 15


def serve(control: socket.socket, parent: int) -> None:
    """Answer requests (each a socket of its own, sent over `control`) until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the forks leave no zombies
    with contextlib.suppress(ValueError, OSError):  # not every system can
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for pair in _REHEARSAL:
        same(*pair)
    gc.freeze()  # or a collection in a fork would copy all that math-verify has loaded
    control.sendall(READY)
    while os.getppid() == parent:
        # a fork of the parent may hold the other end open after the parent's death
        if not select.select([control], [], [], 1.0)[0]:
            continue
        message, handles, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        with socket.socket(fileno=handles[0]) as client:
            if os.fork() == 0:
                _answer(client)


def _answer(client: socket.socket) -> None:
    """Compare the one pair that the client sends, in a fork; the timer's signal has no handler, so the kernel kills."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    result = NO
    with contextlib.suppress(BaseException):
        answer, gold = json.loads(client.makefile("rb").read(LONGEST_REQUEST))
        result = YES if same(*_case_apart(answer, gold)) else NO
    with contextlib.suppress(BaseException):
        client.sendall(result)
    os._exit(0)


def _case_apart(answer: str, gold: str) -> tuple[str, str]:
    """Other letters for capitals that stand beside their own small letter: math-verify takes R and r for one."""
    each = [set(_VARIABLE.findall(text)) - {""} for text in (answer, gold)]
    mixed = sorted({c for letters in each for c in letters if c.isupper() and c.lower() in letters})
    free = iter(sorted(set(ascii_lowercase) - set("deio") - {c.lower() for c in each[0] | each[1]}))
    other = {c: next(free, c) for c in mixed}
    return tuple(_VARIABLE.sub(lambda match: other.get(match[0], match[0]), text) for text in (answer, gold))


def same(answer: str, gold: str) -> bool:
    """Whether two normalised expressions that were not refused are equal."""
    sides, signs = zip(split(answer, _RELATION), split(gold, _RELATION), strict=True)
    if any(signs):
        return _same_relation(*sides, *signs)
    sides = [split(text, ",")[0] for text in (answer, gold)]
    if max(map(len, sides)) > 1:
        return _same_members(*sides, ordered=False)
    kinds, members = zip(_enclosed(answer), _enclosed(gold), strict=True)
    if any(kinds):
        return kinds[0] == kinds[1] and _same_members(*members, ordered=kinds[0] in _ORDERED)
    return _zero(_term(answer), _term(gold))


def _enclosed(text: str) -> tuple[str, list[str]]:
    """The brackets and members of a tuple, interval, set or [x], which may be its floor; none for a plain term."""
    if text[:1] not in ("(", "[", "⟨") or (partners(text) or {}).get(0) != len(text) - 1:
        return "", []
    members = split(text[1:-1], ",")[0]
    return (text[0] + text[-1], members) if len(members) > 1 or text[0] in "[⟨" else ("", [])


def _same_members(answer: list[str], gold: list[str], ordered: bool) -> bool:
    if len(answer) != len(gold):
        return False
    if ordered:
        return all(same(a, b) for a, b in zip(answer, gold, strict=True))
    left = list(gold)
    for member in answer:
        match = next((other for other in left if same(member, other)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _same_relation(answer: list[str], gold: list[str], signs: list[str], wanted: list[str]) -> bool:
    """Relations of the same kind: chains side by side, single ones also with their terms moved across the sign."""
    if len(signs) != len(wanted):
        return False
    if signs != wanted:
        answer, signs = answer[::-1], [_TURNED.get(sign, sign) for sign in reversed(signs)]
    if signs != wanted:
        return False
    if len(signs) > 1 or any(_enclosed(side)[0] for side in (*answer, *gold)):
        return all(same(a, b) for a, b in zip(answer, gold, strict=True))
    ours, theirs = (_term(pair[0]) - _term(pair[1]) for pair in (answer, gold))
    if _zero(theirs, 0 * theirs) or not theirs.free_symbols:
        # 0 = 0 equals 1 = 1 and says nothing: such a gold asks for its own sides
        return all(same(a, b) for a, b in zip(answer, gold, strict=True))
    return _zero(ours, theirs) or (wanted[0] in ("=", "!=") and _zero(-ours, theirs))


def _term(text: str):
    """The sympy expression of a plain term, by math-verify. Raises ValueError when it finds none, or more than one."""
    from math_verify import LatexExtractionConfig, parse
    from math_verify.parser import NormalizationConfig
    from sympy import Expr

    if "infty" in text and not re.fullmatch(r"[+-]?\s*\\infty", text):
        raise ValueError("infinity is no number: one more is the same to sympy")
    # units and the rest of its mending stay off: what is no part of the expression makes it another answer
    plain = NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=False, nits=False, boxed="none", equations=False
    )
    terms = parse(
        f"${_latex(text)}$",
        [LatexExtractionConfig(normalization_config=plain)],
        fallback_mode="no_fallback",
        parsing_timeout=None,
    )
    if len(terms) != 1 or not isinstance(terms[0], Expr):
        raise ValueError("no term")
    return terms[0]


def _latex(text: str) -> str:
    """A normalised term as LaTeX: functions as commands, exponents in braces, decimals as exact fractions."""
    closed, out, at = partners(text) or {}, [], 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        at = token.end()
        if token[0] == "^":
            start, at = exponent_after(text, token.start(), closed)
            out.append(f"^{{{_latex(_bare(text[start:at]))}}}")
        elif token["name"] == "sqrt" and (under := _ROOT.match(text, at)):
            start, at = under.end(), closed[under.end()] + 1 if under.end() in closed else under.end() + 1
            out.append(rf"\sqrt{{{_latex(_bare(text[start:at]))}}}")
        elif token["name"]:
            command = token["name"] in FUNCTIONS or token[0].startswith("\\")
            out.append(f"\\{token['name']} " if command else token[0])
        elif token["places"]:
            out.append(rf"\frac{{{token['whole']}{token['places']}}}{{1{'0' * len(token['places'])}}}")
        else:
            out.append(token["whole"] or token[0])
    return "".join(out)


def _bare(group: str) -> str:
    return group[1:-1] if group[0] in "({" else group


def _zero(answer, gold) -> bool:
    """Whether two terms are equal: math-verify says so, and so do their values at several points.

    math-verify alone rounds (x + 10^-20 is x to it) and has called 1 - 1/e and 1 + 1/e equal; values alone cannot tell
    what holds at some points only.
    """
    from math_verify import verify
    from sympy import Symbol

    # a lone symbol is compared by name, which would make (x^2 - x)/(x - 1) another answer than x
    more = 1 if isinstance(answer, Symbol) != isinstance(gold, Symbol) else 0
    return _agree(answer, gold) and verify(gold + more, answer + more, timeout_seconds=None)


def _agree(answer, gold) -> bool:
    """Whether two terms have the same values at three points: exactly where these are fractions, else to 250 digits."""
    from sympy import Float, N, Rational

    names = sorted(answer.free_symbols | gold.free_symbols, key=str)
    close, seen = Float(10, _DIGITS) ** (50 - _DIGITS), 0
    for point in range(3 if names else 1):
        at = {name: Rational(37 * point + 11 * index + 14, 17 + 6 * point) for index, name in enumerate(names)}
        a, b = (side.subs(at).doit() for side in (answer, gold))
        if not (isinstance(a, Rational) and isinstance(b, Rational)):
            a, b = N(a, _DIGITS), N(b, _DIGITS)
            if not (a.is_number and b.is_number and a.is_finite and b.is_finite):
                continue  # a pole, or a function that has no values
            if abs(a - b) <= close * max(abs(a), abs(b)) or max(abs(a), abs(b)) < close:
                a = b
        if a != b:
            return False
        seen += 1
    return seen > 0 or answer.doit() == gold.doit()


# math-verify's parser builds tables on what it has not met, which takes longer than to parse: forks find them built
_REHEARSAL = (
    ("x^2+2x+1", "(x+1)^2"), (r"\frac{1}{2}", "0.5x"), (r"\sqrt{2}", "sqrt(8)"), ("1-1/e", "1+1/e"),
    ("y=2x+1", "2x+1=y"), ("(1,2)", r"(1,\frac{4}{2})"), (r"\sin x+\cos(2x)", r"\log 8-\ln(2)"),
    (r"2\pi r^2", "|x|+5!"), ("sin(x)^2+cos(x)^2", "1"), ("e^{-x^2}", "exp(-x^2)"), ("(x+1)(x-1)", "x^2-1"),
    ("1/x+1/y", "(x+y)/(xy)"), ("tan(pi/4)", "((x))"), ("(x+1)(x+2)(x+3)", "x^3+6x^2+11x+6"),
)  # fmt: skip

if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
