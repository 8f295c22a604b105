"""The procedural source: problems of the families, split by latent state before anything is drawn.

A state belongs to exactly one part of the world (`part_of`), decided by its hash, so that no picture of an evaluation
suite or a probe can occur in training, whatever the seeds. Each draw is seeded by a hash of (seed, split, family,
index, attempt); `Random(seed + index)` would share items between neighbouring seeds.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from random import Random

from counterpoint import prompt
from counterpoint.problem import Picture, Problem, digest, encode_png
from counterpoint.sources.families import FAMILIES
from counterpoint.sources.families.common import Draft

SOURCE = "procedural"
# percentages of all states
PARTS = {"pretrain": (0, 35), "train": (35, 80), "probe": (80, 85), "suite": (85, 100)}
EASY = (1, 2)  # what a base learns to reason about
IN_DOMAIN = (3, 4)
HARDER = 5
# suite -> (difficulties, shifted rule?, picture style)
SUITE_AXES = {
    "in_domain": (IN_DOMAIN, False, "plain"),
    "rule_shift": (IN_DOMAIN, True, "plain"),
    "visual_shift": (IN_DOMAIN, False, "shifted"),
    "difficulty_shift": ((HARDER,), False, "plain"),
    "easier": (EASY, False, "plain"),
}
DERIVED = ("held_out_prompts", "perception")  # suites that ask the in-domain problems otherwise


@dataclass(frozen=True)
class Scope:
    """What a world is narrowed or widened to: its families (None: all), and the share (0 to 1) of `cards` problems
    that ask for an expression."""

    families: tuple[str, ...] | None = None
    expressions: float = 0.0


ALL = Scope()


def part_of(state_id: str) -> str:
    """The part of the world that a state belongs to."""
    bucket = int(state_id[:8], 16) % 100
    return next(name for name, (low, high) in PARTS.items() if low <= bucket < high)


def draw(
    seed: int,
    split: str,
    part: str,
    family: str,
    index: int,
    difficulty: int,
    shifted_rule: bool,
    expressions: float = 0.0,
) -> tuple[Draft, str, Random]:
    """A draft whose state lies in `part`, its `state_id`, and the generator to render it with.

    difficulty: 1 to 5. expressions: the share that asks for an expression; a hash decides which, and leaves
    all else as it is.
    """
    reach, draft_of = FAMILIES[family].reach, FAMILIES[family].draft
    if reach and int(digest("expression", seed, split, index), 16) < expressions * 16**16:
        draft_of = reach
    for attempt in itertools.count():
        rng = Random(int(digest(seed, split, family, index, attempt), 16))
        draft = draft_of(rng, difficulty, shifted_rule)
        state_id = digest(family, draft.latent)
        if part_of(state_id) == part:
            return draft, state_id, rng


def to_problem(
    draft: Draft, state_id: str, rng: Random, family: str, split: str, style: str, tags: tuple[str, ...] = ()
) -> Problem:
    """Render the draft in a style of `PALETTES` and make it a problem of the split."""
    image = FAMILIES[family].render(draft.latent, style, rng)
    return Problem(
        state_id=state_id,
        problem_id=digest(SOURCE, split, state_id, draft.template, draft.arguments, style),
        source=SOURCE,
        family=family,
        split=split,
        difficulty=draft.difficulty,
        question=draft.question,
        images=(Picture.of(encode_png(image)),),
        answer=draft.answer,
        answer_type=draft.answer_type,
        options=draft.options,
        reasoning=draft.reasoning,
        text_twin=draft.text_twin,
        template_id=f"{family}.{draft.template}",
        tags=(*draft.tags, style, *tags),
        latent=json.dumps(draft.latent, sort_keys=True),
    )


def split_problems(
    seed: int, split: str, part: str, suite: str, number: int, scope: Scope = ALL, taken: Collection[str] = ()
) -> Iterator[Problem]:
    """`number` distinct problems, balanced over families and difficulties, drawn as `suite` of `SUITE_AXES` defines.

    split: what they are called. part: the part of the world that they are from; the probes of a suite are from another
    part than the suite itself. taken: ids that are passed over, for the probes of several suites, whose hardest and
    easiest meet, are one split.
    """
    for problem, *_ in _drawn(seed, split, part, suite, number, scope, taken):
        yield problem


def _drawn(
    seed: int, split: str, part: str, suite: str, number: int, scope: Scope, taken: Collection[str] = ()
) -> Iterator[tuple[Problem, Draft, Random]]:
    """The problems of `split_problems`, each with its draft and the generator it was rendered with."""
    difficulties, shifted_rule, style = SUITE_AXES[suite]
    families = [name for name in FAMILIES if scope.families is None or name in scope.families]
    seen: set[str] = set()
    for index in itertools.count():
        if len(seen) == number:
            return
        turn, position = divmod(len(seen), len(families))
        family, difficulty = families[position], difficulties[turn % len(difficulties)]
        draft, state_id, rng = draw(
            seed, f"{split}/{suite}", part, family, index, difficulty, shifted_rule, scope.expressions
        )
        problem = to_problem(draft, state_id, rng, family, split, style, _tags(split, suite))
        if problem.problem_id not in seen and problem.problem_id not in taken:
            seen.add(problem.problem_id)
            yield problem, draft, rng


def _tags(split: str, suite: str) -> tuple[str, ...]:
    return (f"suite:{suite}",) if split == "probe" else ()


def reworded(family: str, draft: Draft, rng: Random) -> tuple[str, str]:
    """The question of an in-domain draft in its family's held-out words, and the name of its template.

    The words (but for "larger") are known to the shipped bases, so that only the sentence is new.
    """
    operation = draft.template.partition(".")[0]
    wordings = FAMILIES[family].held_out[operation]
    index = rng.randrange(len(wordings))
    return wordings[index].format(**draft.filled), f"{operation}.h{index}"


def derived_problems(
    seed: int, split: str, part: str, suite: str, number: int, scope: Scope = ALL
) -> Iterator[Problem]:
    """The in-domain problems of a split asked otherwise: `held_out_prompts` in other words, `perception` to describe.

    Each has the state and the picture of an in-domain problem, whose id stands in the tag `of:ID`.
    """
    new_split = "probe" if split == "probe" else suite
    for problem, draft, rng in _drawn(seed, split, part, "in_domain", number, scope):
        if suite == "held_out_prompts":
            question, template = reworded(problem.family, draft, rng)
            changed = {"question": question, "template_id": f"{problem.family}.{template}"}
        else:
            changed = {
                "question": prompt.DESCRIBE, "template_id": f"{problem.family}.describe", "answer": draft.caption,
                "answer_type": "text", "options": None, "reasoning": None, "text_twin": None,
            }  # fmt: skip
        yield replace(
            problem,
            split=new_split,
            problem_id=digest(SOURCE, new_split, problem.problem_id, suite),
            tags=(*draft.tags, "plain", f"of:{problem.problem_id}", *_tags(split, suite)),
            **changed,
        )


def suite_problems(seed: int, split: str, number: int, scope: Scope = ALL) -> Iterator[Problem]:
    """`number` problems of a suite's split."""
    if split in DERIVED:
        return derived_problems(seed, "in_domain", "suite", split, number, scope)
    return split_problems(seed, split, "suite", split, number, scope)


def problems(seed: int, train: int, per_suite: int, per_probe: int, scope: Scope = ALL) -> Iterator[Problem]:
    """The world of the study: `train` problems to train on, and `per_suite` of each suite, `per_probe` to probe it."""
    yield from split_problems(seed, "train", "train", "in_domain", train, scope)
    probes: set[str] = set()
    for suite in SUITE_AXES:
        yield from suite_problems(seed, suite, per_suite, scope)
        for probe in list(split_problems(seed, "probe", "probe", suite, per_probe, scope, probes)):
            probes.add(probe.problem_id)
            yield probe
    for suite in DERIVED:
        yield from suite_problems(seed, suite, per_suite, scope)
        yield from derived_problems(seed, "probe", "probe", suite, per_probe, scope)
