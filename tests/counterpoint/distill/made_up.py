"""Problems as the procedural families draft them, without their pictures."""

import json
from random import Random

from counterpoint.problem import Problem, digest
from counterpoint.sources.families import FAMILIES, cards
from counterpoint.sources.procedural import reworded

CASES = [
    *((family, difficulty, shifted, kind) for family in FAMILIES for difficulty in (1, 2, 3, 4, 5)
      for shifted, kind in ((False, "trained"), (True, "trained"), (False, "reworded"))),
    *(("cards", difficulty, shifted, "reach") for difficulty in (1, 2, 3, 4, 5) for shifted in (False, True)),
]  # fmt: skip


def drafted(seed: int, family: str, difficulty: int, shifted: bool = False, kind: str = "trained"):
    """A problem of the family, and its draft; `kind` says how it is worded or what is asked of cards."""
    rng = Random(seed)
    draft = (cards.reach if kind == "reach" else FAMILIES[family].draft)(rng, difficulty, shifted)
    question, template = reworded(family, draft, rng) if kind == "reworded" else (draft.question, draft.template)
    made = Problem(
        digest(family, draft.latent), digest(seed, family, difficulty, shifted, kind), "procedural", family, "train",
        difficulty, question, (), draft.answer, draft.answer_type, draft.options, draft.reasoning, draft.text_twin,
        f"{family}.{template}", draft.tags, json.dumps(draft.latent),
    )  # fmt: skip
    return made, draft
