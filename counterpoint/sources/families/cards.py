"""cards: sums of playing cards under a stated rule for face cards (after GeneralPoints, arXiv 2501.17161)."""

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


def draft(rng: Random, difficulty: int, shifted_rule: bool = False) -> Draft:
    """Deal cards and ask for their sum. The shifted rule counts faces 11, 12, 13 and deals at least one face."""
    number, highest = CARDS[difficulty], 13 if shifted_rule else HIGHEST[difficulty]
    while True:
        ranks = [rng.randint(1, highest) for _ in range(number)]
        if not shifted_rule or max(ranks) > 10:
            break
    suits = [rng.choice(SUITS) for _ in ranks]
    values = [rank if shifted_rule else min(rank, 10) for rank in ranks]
    total, sums = values[0], []
    for value in values[1:]:
        sums.append(f"{total} + {value} = {total + value}")
        total += value
    operation = "rising" if shifted_rule else "ten"
    wording = rng.randrange(len(WORDINGS[operation]))
    names = [RANKS[rank - 1].lower() for rank in ranks]
    return Draft(
        latent={"cards": [[RANKS[r - 1], s] for r, s in zip(ranks, suits, strict=True)]},
        difficulty=difficulty,
        template=f"{operation}.{wording}",
        question=WORDINGS[operation][wording],
        answer=str(total),
        answer_type="integer",
        reasoning=" , ".join(f"{n} {v}" for n, v in zip(names, values, strict=True)) + " . " + " . ".join(sums) + " .",
        caption=" , ".join(f"{n} {s}" for n, s in zip(names, suits, strict=True)),
        text_twin="on the table lie "
        + " ; ".join(f"the {s} of rank {n}" for n, s in zip(names, suits, strict=True))
        + " .",
        tags=(operation,),
    )


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
