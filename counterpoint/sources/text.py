"""Problems that never had a picture, from reasoning-gym (Apache-2.0), for the suite `text_reasoning`.

reasoning-gym seeds its i-th item with `Random(seed + i)`, so neighbouring seeds share almost all items. Here every item
has a seed of its own, a hash of (seed, split, task, index), and no question occurs twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from counterpoint.errors import UserError
from counterpoint.problem import Problem, digest

SOURCE = "reasoning-gym"
SPLIT = "text_reasoning"
# task -> (reasoning-gym's settings, type of the answer): few words or numbers, so that the strict judge can tell
TASKS = {
    "chain_sum": ({"min_terms": 2, "max_terms": 3, "min_digits": 1, "max_digits": 1}, "integer"),
    "leg_counting": ({"min_animals": 1, "max_animals": 3, "min_instances": 1, "max_instances": 5}, "integer"),
    "letter_counting": ({"min_words": 3, "max_words": 6}, "integer"),
    "simple_equations": ({}, "integer"),
    "number_sequence": ({}, "integer"),
    "spell_backward": ({"min_word_len": 3, "max_word_len": 5}, "text"),
    "family_relationships": ({}, "text"),
    "syllogism": ({}, "text"),
}
_INTEGER = re.compile(r"-?\d+", re.ASCII)
ATTEMPTS = 1000  # draws of one item before its task is taken to have no more questions


def problems(seed: int, per_suite: int, per_probe: int) -> Iterator[Problem]:
    """`per_suite` problems of the suite and `per_probe` for probes, the tasks in turn, no question twice.

    Raises `UserError` when a task has not so many questions.
    """
    seen: set[str] = set()
    for split, number, tags in ((SPLIT, per_suite, ()), ("probe", per_probe, (f"suite:{SPLIT}",))):
        for index in range(number):
            yield _problem(seed, split, index, tags, seen)


def _problem(seed: int, split: str, index: int, tags: tuple[str, ...], seen: set[str]) -> Problem:
    import reasoning_gym

    task = list(TASKS)[index % len(TASKS)]
    settings, answer_type = TASKS[task]
    for attempt in range(ATTEMPTS):
        item_seed = int(digest(seed, split, task, index, attempt)[:8], 16)
        item = reasoning_gym.create_dataset(task, seed=item_seed, size=1, **settings)[0]
        question, answer = " ".join(item["question"].split()), str(item["answer"]).strip()
        whole = answer_type != "integer" or _INTEGER.fullmatch(answer)
        if question not in seen and answer and whole:
            seen.add(question)
            break
    else:
        raise UserError(
            f"params.yaml: problems.per_suite: {SOURCE} has no further question of {task!r} after "
            f"{index // len(TASKS)}; lower it, or take {SPLIT} out of suites"
        )
    state_id = digest(SOURCE, task, question)
    return Problem(
        state_id=state_id,
        problem_id=digest(SOURCE, split, state_id),
        source=SOURCE,
        family=task,
        split=split,
        difficulty=1,
        question=question,
        images=(),
        answer=answer,
        answer_type=answer_type,
        template_id=task,
        tags=tags,
    )
