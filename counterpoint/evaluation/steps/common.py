"""What the families' readers share: their form, and sums in words.

A reader is fed the steps of one trace in their order. `perceive` and `compute` say of one step whether it is true, or
None when it is no such step; `conclusion` gives the answers that the steps read so far lead to, None if to nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# ASCII digits only, and few: int() of thousands of digits is slow and then an error
_SUM = re.compile(r"(\d{1,9}) ?([+-]) ?(\d{1,9}) ?= ?(-? ?\d{1,10})", re.ASCII)


@dataclass(frozen=True)
class Reader:
    """Reads one trace, and remembers what it said."""

    perceive: Callable[[str], bool | None]
    compute: Callable[[str], bool | None]
    conclusion: Callable[[], set[str] | None]


def arithmetic(text: str, results: list[int]) -> bool | None:
    """Whether `a + b = c` or `a - b = c` holds, c then added to `results`; None when the text is neither."""
    found = _SUM.fullmatch(text)
    if found is None:
        return None
    first, second, result = int(found[1]), int(found[3]), int(found[4].replace(" ", ""))
    results.append(result)
    return (first + second if found[2] == "+" else first - second) == result


def clauses(text: str, form: re.Pattern) -> Iterator[re.Match | None]:
    """The clauses of a perceive-step, matched to `form`; None for one that has another."""
    return (form.fullmatch(clause.strip()) for clause in text.split(","))
