"""Problems as the rows that TRL's trainers read: the very same prompt for SFT and RL."""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.prompt import completion_text, user_message, user_text


def gold(problems: Sequence[Problem]) -> list[str]:
    """The source's own completion of each problem. Raises `UserError` for a problem without reasoning."""
    for problem in problems:
        if not problem.reasoning:
            raise UserError(
                f"problem {problem.problem_id} ({problem.source}) has no gold reasoning, which SFT imitates; "
                "map source.fields.reasoning, take traces of a sampled kind, or leave the SFT arms out of runs"
            )
    return [completion_text(p.reasoning, p.answer) for p in problems]


def dataset(problems: Sequence[Problem], instruction: str, completions: Sequence[str] | None = None):
    """A `datasets.Dataset` with prompt, images and problem_id, and the completion of each row where they are given."""
    from datasets import Dataset, Features, Image, Sequence, Value

    turn = [{"role": Value("string"), "content": Value("string")}]
    features = {"prompt": turn, "images": Sequence(Image()), "problem_id": Value("string")}
    columns: dict[str, list] = {
        "prompt": [user_message(user_text(p, instruction)) for p in problems],
        "images": [[{"bytes": data, "path": None} for data in p.images] for p in problems],
        "problem_id": [p.problem_id for p in problems],
    }
    if completions is not None:
        features["completion"] = turn
        columns["completion"] = [[{"role": "assistant", "content": text}] for text in completions]
    return Dataset.from_dict(columns, features=Features(features))
