"""cards: from the largest down, in words: "the largest is k as 10 . with 5 it is 15 ."; another way to the target."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

from counterpoint.evaluation.steps.cards import COUNTS, HIGHEST
from counterpoint.sources.families.cards import LARGEST

SUMS = {"ten": "ten", "rising": "rising", "reach": "ten", "reach_rising": "rising"}  # operation -> rule for the faces
WORDS = {"+": "plus", "-": "minus", "*": "times"}


def write(latent: dict[str, Any], operation: str, question: list[str]) -> tuple[str, str]:
    """Reasoning and answer."""
    highest = HIGHEST[SUMS[operation]]
    hand = [(rank.lower(), min(COUNTS[rank.lower()], highest)) for rank, _ in latent["cards"]]
    if operation.startswith("reach"):
        return _reached([value for _, value in hand], int(question[question.index("make") + 1]))
    falling = sorted(hand, key=lambda card: -card[1])
    total = falling[0][1]
    said = [f"the largest is {_named(*falling[0])}"]
    for rank, value in falling[1:]:
        total += value
        said.append(f"with {_named(rank, value)} it is {total}")
    return " . ".join(said) + " .", str(total)


def _named(rank: str, value: int) -> str:
    return rank if rank == str(value) else f"{rank} as {value}"


def _reached(values: list[int], target: int) -> tuple[str, str]:
    """An expression that takes the values in another order than they were dealt, where there is one, and its steps."""
    for order in permutations(reversed(values)):
        for signs in product(WORDS, repeat=len(values) - 1):
            total, written, said, loose = order[0], str(order[0]), [], False
            for sign, value in zip(signs, order[1:], strict=True):
                result = total * value if sign == "*" else total + value if sign == "+" else total - value
                said.append(f"{total} {WORDS[sign]} {value} is {result}")
                written = f"( {written} ) * {value}" if sign == "*" and loose else f"{written} {sign} {value}"
                loose, total = sign != "*", result
                if not 0 <= total <= LARGEST:
                    break
            else:
                if total == target:
                    return f"aim for {target} . {' . '.join(said)} .", written
    raise ValueError(f"no expression over {values} reaches {target}")
