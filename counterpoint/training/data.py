"""Problems as the rows that TRL's trainers read: the very same prompt for SFT and RL."""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.prompt import completion_text, user_message, user_text


def dataset(problems: Sequence[Problem], instruction: str, gold: bool):
    """A `datasets.Dataset` with prompt, images and problem_id; with `gold` the completion to imitate too.

    Raises `UserError` when a gold completion is wanted of a problem without reasoning.
    """
    from datasets import Dataset, Features, Image, Sequence, Value

    turn = [{"role": Value("string"), "content": Value("string")}]
    features = {"prompt": turn, "images": Sequence(Image()), "problem_id": Value("string")}
    columns: dict[str, list] = {
        "prompt": [user_message(user_text(p, instruction)) for p in problems],
        "images": [[{"bytes": data, "path": None} for data in p.images] for p in problems],
        "problem_id": [p.problem_id for p in problems],
    }
    if gold:
        for problem in problems:
            if not problem.reasoning:
                raise UserError(
                    f"problem {problem.problem_id} ({problem.source}) has no gold reasoning, which SFT imitates; "
                    "map source.fields.reasoning or leave the SFT arms out of runs"
                )
        features["completion"] = turn
        columns["completion"] = [
            [{"role": "assistant", "content": completion_text(p.reasoning, p.answer)}] for p in problems
        ]
    return Dataset.from_dict(columns, features=Features(features))
