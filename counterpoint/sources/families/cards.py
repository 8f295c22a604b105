"""cards: sums of playing cards under a stated rule for face cards, or an expression over them that reaches a target
(after GeneralPoints, arXiv 2501.17161).
"""

from __future__ import annotations

from random import Random
from typing import Any

from counterpoint.sources.families.common import Draft, canvas, glyph

NAME = "cards"
RANKS = ("A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K")
SUITS = ("spade", "club", "heart", "diamond")
CARDS = {1: 2, 2: 3, 3: 3, 4: 4, 5: 4}
HIGHEST = {1: 13, 2: 9, 3: 13, 4: 9, 5: 13}
TABLE = {"plain": (53, 101, 77), "shifted": (96, 52, 72)}
WORDINGS = {
    "ten": ("j q k count 10 . what is the sum ?", "with j q k as 10 , add the cards ."),
    "rising": ("j is 11 , q is 12 , k is 13 . what is the sum ?",),
}
# apart from WORDINGS: what is written about these is not read step by step (counterpoint/evaluation/steps)
REACHING = {
    "reach": ("j q k count 10 . use each card once to make {t} .", "with j q k as 10 , make {t} , each card once ."),
    "reach_rising": ("j is 11 , q is 12 , k is 13 . use each card once to make {t} .",),
}
HELD_OUT = {  # in domain, as neither pre-training nor training ever words it
    "ten": ("j q k as 10 . what is the sum ?", "with j q k as 10 , what is the sum ?"),
    "reach": (
        "j q k as 10 . use each card once to make {target} .",
        "j q k count 10 . make {target} , each card once .",
    ),
}
LARGEST = 60  # no partial result lies above it, nor below 0


def draft(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Deal cards and ask for their sum. The shifted rule counts faces 11, 12, 13 and deals at least one face."""
    ranks, suits, values = _deal(rng, difficulty, shifted_rule)
    total, sums = values[0], []
    for value in values[1:]:
        sums.append(f"{total} + {value} = {total + value}")
        total += value
    operation = "rising" if shifted_rule else "ten"
    wording = rng.randrange(len(WORDINGS[operation]))
    return Draft(
        **_told(ranks, suits, values, sums),
        difficulty=difficulty,
        template=f"{operation}.{wording}",
        question=WORDINGS[operation][wording],
        answer=str(total),
        answer_type="integer",
        tags=(operation,),
    )


def reach(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Deal the same cards and ask for an expression over their values that reaches a target.

    The gold expression takes them in the order dealt, with + - *; any other that uses each value once is as good.
    `options` holds the values, which the judge asks for and the prompt does not tell.
    """
    ranks, suits, values = _deal(rng, difficulty, shifted_rule)
    while True:
        found = _chain(values, [rng.choice("+-*") for _ in values[1:]])
        if found:
            break
    total, written, steps = found
    operation = "reach_rising" if shifted_rule else "reach"
    wording = rng.randrange(len(REACHING[operation]))
    return Draft(
        **_told(ranks, suits, values, steps),
        difficulty=difficulty,
        template=f"{operation}.{wording}",
        arguments={"target": total},
        question=REACHING[operation][wording].format(t=total),
        answer=written,
        answer_type="expression",
        options=tuple(map(str, values)),
        tags=(operation,),
    )


def _deal(rng: Random, difficulty: int, shifted_rule: bool) -> tuple[list[int], list[str], list[int]]:
    """Ranks (1 to 13), suits and values of the cards."""
    number, highest = CARDS[difficulty], 13 if shifted_rule else HIGHEST[difficulty]
    while True:
        ranks = [rng.randint(1, highest) for _ in range(number)]
        if not shifted_rule or max(ranks) > 10:
            break
    suits = [rng.choice(SUITS) for _ in ranks]
    return ranks, suits, [rank if shifted_rule else min(rank, 10) for rank in ranks]


def _told(ranks: list[int], suits: list[str], values: list[int], steps: list[str]) -> dict[str, Any]:
    """What a draft says of its cards: the latent state, the reasoning that ends in `steps`, caption and twin."""
    names = [RANKS[rank - 1].lower() for rank in ranks]
    return {
        "latent": {"cards": [[RANKS[r - 1], s] for r, s in zip(ranks, suits, strict=True)]},
        "reasoning": " . ".join([" , ".join(f"{n} {v}" for n, v in zip(names, values, strict=True)), *steps]) + " .",
        "caption": " , ".join(f"{n} {s}" for n, s in zip(names, suits, strict=True)),
        "text_twin": "on the table lie "
        + " ; ".join(f"the {s} of rank {n}" for n, s in zip(names, suits, strict=True))
        + " .",
    }


def _chain(values: list[int], signs: list[str]) -> tuple[int, str, list[str]] | None:
    """What the values come to with these signs between them, taken from the left, the expression that says so, and the
    steps; None where a partial result is out of range."""
    total, written, steps, loose = values[0], str(values[0]), [], False
    for sign, value in zip(signs, values[1:], strict=True):
        result = total * value if sign == "*" else total + value if sign == "+" else total - value
        if not 0 <= result <= LARGEST:
            return None
        steps.append(f"{total} {sign} {value} = {result}")
        written = f"( {written} ) {sign} {value}" if sign == "*" and loose else f"{written} {sign} {value}"
        loose, total = sign != "*", result
    return total, written, steps


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
