"""Questions in other words: what the families ask in domain, as neither pre-training nor training ever words it.

Each draft of a family has named arguments; a held-out wording has the same ones. The words (but for "larger") are known
to the shipped bases, so that what is new is the sentence alone.
"""

from __future__ import annotations

from random import Random

from counterpoint.sources.families.common import Draft

HELD_OUT = {
    "count": {
        "remove": (
            "remove every {c} object . how many remain ?",
            "take away all {c} objects . how many are left ?",
        ),
        "filter": ("how many objects are {c} ?", "count all {c} objects ."),
        "add": ("add {k} more {s}s . how many {s}s are there ?", "put in {k} {s}s . how many {s}s are there ?"),
    },
    "chart": {
        "read": ("what is the value of the {a} bar ?", "how tall is {a} ?"),
        "difference": ("how much taller is the {a} bar than the {b} bar ?", "how much larger is {a} than {b} ?"),
        "sum": ("how tall are the {a} and {b} bars together ?", "how much are {a} and {b} together ?"),
        "argmax": ("which colour is the tallest ?", "which bar is the largest ?"),
    },
    "grid": {"walk": ("move the ball {m} . where does it end ?", "it goes {m} . which cell is it in ?")},
    "cards": {
        "ten": ("j q k as 10 . what is the sum ?", "with j q k as 10 , what is the sum ?"),
        "reach": ("j q k as 10 . use each card once to make {t} .", "j q k count 10 . make {t} , each card once ."),
    },
}


def reworded(family: str, draft: Draft, rng: Random) -> tuple[str, str]:
    """The question of an in-domain draft in held-out words, and the name of its template."""
    operation = draft.template.partition(".")[0]
    wordings = HELD_OUT[family][operation]
    place = rng.randrange(len(wordings))
    known = draft.arguments
    filled = {
        "c": known.get("colour"),
        "s": known.get("shape"),
        "k": known.get("extra"),
        "a": known.get("first"),
        "b": known.get("second"),
        "t": known.get("target"),
        "m": " ".join(draft.latent.get("moves", ())),
    }
    return wordings[place].format(**filled), f"{operation}.h{place}"
