"""The competence card of a base: python -m stages.competence small

Captions exactly right by family, pass@k in domain, and greedy accuracy on every suite against the blind baselines.
Draws its own problems from the parts of the world that no training sees. Writes metrics/competence/NAME.json.
"""

from __future__ import annotations

import logging
from collections import defaultdict

from counterpoint import files, params
from counterpoint.evaluation.answers import Decoding, Model
from counterpoint.problem import Picture, Problem, encode_png
from counterpoint.sources import procedural, text
from counterpoint.sources.families import FAMILIES
from counterpoint.suites import OWN
from stages.common import CARDS, load_model, main, named

log = logging.getLogger("competence")


def captioned(seed: int, suite: str, number: int) -> dict[str, list[tuple[Picture, str]]]:
    """By family, `number` pairs of picture and gold caption as `suite` draws them."""
    difficulties, shifted_rule, style = procedural.SUITE_AXES[suite]
    pairs: defaultdict[str, list[tuple[Picture, str]]] = defaultdict(list)
    for name, family in FAMILIES.items():
        for index in range(number):
            difficulty = difficulties[index % len(difficulties)]
            draft, _, rng = procedural.draw(seed, f"caption/{suite}", "suite", name, index, difficulty, shifted_rule)
            pairs[name].append((Picture.of(encode_png(family.render(draft.latent, style, rng))), draft.caption))
    return pairs


def of_suite(seed: int, split: str, number: int) -> list[Problem]:
    """`number` problems of a suite's split, whatever the study's own source is."""
    if split == text.SPLIT:
        return list(text.problems(seed, number, 0))
    return list(procedural.suite_problems(seed, split, number))


def program(arguments: list[str]) -> None:
    """Write the card of the named base."""
    settings = params.load()
    name = named(arguments, "base", "bases", settings.bases)
    model, processor = load_model(settings.models[name], settings.threads, settings.trust_remote_code)
    from counterpoint.evaluation import competence  # torch
    from counterpoint.evaluation.evaluate import evaluate
    from counterpoint.models import checkpoint

    seed, limits, instruction = settings.problems.seed, settings.competence, settings.prompt.instruction
    size, number = limits.batch_size, limits.problems
    suites = {name: of_suite(seed, suite.split, 4 * number) for name, suite in OWN.items()}
    answering = Model("", lambda: (model, processor))
    decodings = dict.fromkeys(suites, (Decoding(limits.max_tokens),))
    rows = list(evaluate(name, answering, suites, instruction, params.CONDITIONS, decodings, size))
    correct: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in rows:
        correct[row["suite"], row["condition"]].append(row["correct"])
    shares = {key: round(sum(verdicts) / len(verdicts), 4) for key, verdicts in correct.items()}
    card = {
        "base": name,
        "parameters": checkpoint.parameters(model),
        "problems_per_suite": 4 * number,
        "accuracy": {suite: {name: shares[suite, name] for name in params.CONDITIONS} for suite in suites},
        "captions_exactly_right": {
            suite: competence.captions_right(model, processor, captioned(seed, suite, number), limits.max_tokens, size)
            for suite in ("in_domain", "visual_shift", "difficulty_shift")
        },
        "in_domain_sampled": {
            "problems": number,
            "samples": limits.samples,
            **competence.sampled_passes(
                model, processor, suites["in_domain"][:number], instruction, limits.samples,
                limits.max_tokens, size, seed,
            ),
        },
    }  # fmt: skip
    files.write_json(CARDS / f"{name}.json", card)
    log.info("%s", card["captions_exactly_right"]["in_domain"] | card["in_domain_sampled"])


if __name__ == "__main__":
    main(program)
