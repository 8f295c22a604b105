"""The one exception that means "the user can mend this"; programs print it as one line and exit with 2."""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Callable, Iterable


class UserError(Exception):
    """A mistake in the user's input. The message names the file, key or row and the remedy."""


def one_line(error: BaseException, longest: int = 300) -> str:
    """A library's message on one line: its first line alone may break off before it says what to do.

    longest: characters after which the message is cut off.
    """
    message = " ".join(str(error).split()) or type(error).__name__
    return message if len(message) <= longest else f"{message[: longest - 1]}…"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: `; did you mean 'x'?`, or the list of the known names."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1, 0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(map(repr, names))}" if names else ""


def exit_codes(main: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Decorates the main function of a program: a user's mistake is one line and code 2, an interruption code 130."""

    @functools.wraps(main)
    def run(arguments: list[str]) -> int:
        try:
            return main(arguments)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from there", file=sys.stderr)
            return 130

    return run
