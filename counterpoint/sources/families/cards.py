"""cards: sums of playing cards under a stated rule for face cards, or an expression over them that reaches a target
(after GeneralPoints, arXiv 2501.17161).
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Sequence
from itertools import permutations, product
from random import Random
from typing import Any, NamedTuple

from counterpoint.sources.families.common import Draft, Family, Reader, canvas, glyph, worded

RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
SUITS = ("spade", "club", "heart", "diamond")
CARDS = {1: 2, 2: 3, 3: 3, 4: 4, 5: 4}
HIGHEST = {1: 13, 2: 9, 3: 13, 4: 9, 5: 13}  # the highest rank that is dealt, by difficulty
TABLE = {"plain": (53, 101, 77), "shifted": (96, 52, 72)}
WORDINGS = {
    "ten": ("j q k count 10 . what is the sum ?", "with j q k as 10 , add the cards ."),
    "rising": ("j is 11 , q is 12 , k is 13 . what is the sum ?",),
}
# apart from WORDINGS: what is written about these is not read step by step (counterpoint/evaluation/traces.py)
REACHING = {
    "reach": (
        "j q k count 10 . use each card once to make {target} .",
        "with j q k as 10 , make {target} , each card once .",
    ),
    "reach_rising": ("j is 11 , q is 12 , k is 13 . use each card once to make {target} .",),
}
HELD_OUT = {
    "ten": ("j q k as 10 . what is the sum ?", "with j q k as 10 , what is the sum ?"),
    "reach": (
        "j q k as 10 . use each card once to make {target} .",
        "j q k count 10 . make {target} , each card once .",
    ),
}
FACES = {"ten": 10, "rising": 13, "reach": 10, "reach_rising": 13}  # operation -> the most that a card counts
LARGEST = 60  # no partial result lies above it, nor below 0
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
SIGN_WORDS = {"+": "plus", "-": "minus", "*": "times"}


class Chain(NamedTuple):
    """A calculation from the left: its result, the expression, and the steps as (total, sign, value, new total)."""

    total: int
    expression: str
    steps: list[tuple[int, str, int, int]]


def draft(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Deal cards and ask for their sum. The shifted rule counts faces 11, 12, 13 and deals at least one face."""
    operation = "rising" if shifted_rule else "ten"
    ranks, suits = _deal(rng, difficulty, shifted_rule)
    values = _values(ranks, operation)
    chain = _chain(values, "+" * (len(values) - 1))
    return Draft(
        **_described(ranks, suits, values, chain),
        **worded(WORDINGS, operation, rng, {}),
        difficulty=difficulty,
        answer=str(chain.total),
        answer_type="integer",
    )


def reach(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Deal the same cards and ask for an expression over their values that reaches a target.

    The gold expression takes them in the order dealt, with + - *; any other that uses each value once is as good.
    `options` holds the values, which the judge asks for and the prompt does not tell.
    """
    operation = "reach_rising" if shifted_rule else "reach"
    ranks, suits = _deal(rng, difficulty, shifted_rule)
    values = _values(ranks, operation)
    chain = None
    while chain is None:
        chain = _chain(values, [rng.choice("+-*") for _ in values[1:]])
    arguments = {"target": chain.total}
    return Draft(
        **_described(ranks, suits, values, chain),
        **worded(REACHING, operation, rng, arguments),
        difficulty=difficulty,
        arguments=arguments,
        answer=chain.expression,
        answer_type="expression",
        options=tuple(map(str, values)),
    )


def _deal(rng: Random, difficulty: int, shifted_rule: bool) -> tuple[list[int], list[str]]:
    """Ranks (1 to 13) and suits of the cards."""
    number, highest = CARDS[difficulty], 13 if shifted_rule else HIGHEST[difficulty]
    while True:
        ranks = [rng.randint(1, highest) for _ in range(number)]
        if not shifted_rule or max(ranks) > 10:
            break
    return ranks, [rng.choice(SUITS) for _ in ranks]


def _values(ranks: list[int], operation: str) -> list[int]:
    return [min(rank, FACES[operation]) for rank in ranks]


def _chain(values: list[int], signs: str | list[str]) -> Chain | None:
    """The values with these signs between them, taken from the left; None where a partial result is out of range."""
    total, expression, steps, loose = values[0], str(values[0]), [], False
    for sign, value in zip(signs, values[1:], strict=True):
        result = OPERATIONS[sign](total, value)
        if not 0 <= result <= LARGEST:
            return None
        steps.append((total, sign, value, result))
        expression = f"( {expression} ) * {value}" if sign == "*" and loose else f"{expression} {sign} {value}"
        loose, total = sign != "*", result
    return Chain(total, expression, steps)


def _described(ranks: list[int], suits: list[str], values: list[int], chain: Chain) -> dict[str, Any]:
    """The fields of a draft that tell of its cards: latent state, reasoning, caption and twin."""
    names = [RANKS[rank - 1].lower() for rank in ranks]
    seen = " , ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
    steps = [f"{total} {sign} {value} = {result}" for total, sign, value, result in chain.steps]
    lying = " ; ".join(f"the {suit} of rank {name}" for name, suit in zip(names, suits, strict=True))
    return {
        "latent": {"cards": [[RANKS[rank - 1], suit] for rank, suit in zip(ranks, suits, strict=True)]},
        "reasoning": " . ".join([seen, *steps]) + " .",
        "caption": " , ".join(f"{name} {suit}" for name, suit in zip(names, suits, strict=True)),
        "text_twin": f"on the table lie {lying} .",
    }


def render(latent: dict[str, Any], style: str, rng: Random):
    """The cards side by side as a 48×48 picture: rank above, suit below."""
    image, draw = canvas(style, rng, TABLE[style])
    for position, (rank, suit) in enumerate(latent["cards"]):
        left, top = position * 12, 10 + rng.randrange(4)
        face = (255, 255, 255) if style == "plain" else (235, 225, 200)
        ink = (200, 30, 40) if suit in ("heart", "diamond") else (20, 20, 30)
        draw.rectangle([left + 1, top, left + 10, top + 22], fill=face)
        glyph(draw, rank, left + 3, top + 2, ink)
        glyph(draw, suit, left + 3, top + 13, ink)
    return image


class CardReader(Reader):
    """Reads "j 10 , 5 5" as perceived and "10 + 5 = 15" as computed."""

    FACT = re.compile(rf"(?P<name>{'|'.join(map(str.lower, RANKS))}) (?P<number>\d{{1,9}})", re.ASCII)

    def __init__(self, latent: dict[str, Any], operation: str, question: str):
        super().__init__()
        self.hand = Counter(rank.lower() for rank, _ in latent["cards"])
        self.values = dict(zip(map(str.lower, RANKS), _values(range(1, 14), operation), strict=True))

    def agrees(self, stated: Sequence[tuple[str, int]]) -> bool:
        """Whether all cards are named, each with what it counts: none may be left out."""
        counted = all(self.values[rank] == value for rank, value in stated)
        return counted and Counter(rank for rank, _ in stated) == self.hand


def foreign(latent: dict[str, Any], operation: str, question: str) -> tuple[str, str]:
    """From the largest down, in words: "the largest is k as 10 . with 5 it is 15 ."; or another way to the target."""
    names = [rank.lower() for rank, _ in latent["cards"]]
    values = _values([RANKS.index(rank.upper()) + 1 for rank in names], operation)
    if operation.startswith("reach"):
        words = question.split()
        return _reached(values, int(words[words.index("make") + 1]))
    falling = sorted(zip(names, values, strict=True), key=lambda card: -card[1])
    named = [name if name == str(value) else f"{name} as {value}" for name, value in falling]
    total = falling[0][1]
    steps = [f"the largest is {named[0]}"]
    for name, (_, value) in zip(named[1:], falling[1:], strict=True):
        total += value
        steps.append(f"with {name} it is {total}")
    return " . ".join(steps) + " .", str(total)


def _reached(values: list[int], target: int) -> tuple[str, str]:
    """An expression that takes the values in another order than they were dealt, where there is one, and its steps."""
    for order in permutations(reversed(values)):
        for signs in product(SIGN_WORDS, repeat=len(values) - 1):
            chain = _chain(order, signs)
            if chain and chain.total == target:
                steps = [
                    f"{total} {SIGN_WORDS[sign]} {value} is {result}" for total, sign, value, result in chain.steps
                ]
                return f"aim for {target} . {' . '.join(steps)} .", chain.expression
    raise ValueError(f"no expression over {values} reaches {target}")


FAMILY = Family("cards", WORDINGS, HELD_OUT, draft, render, CardReader, foreign, reach)
