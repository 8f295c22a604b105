"""Problems as the rows that TRL's trainers read: the very same prompt for SFT and RL."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

import datasets

from counterpoint.errors import UserError
from counterpoint.problem import Picture, Problem
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


class Rows(datasets.Dataset):
    """Rows whose pictures are read when a row is: the column `images` holds their numbers in `pictures`.

    TRL wants a `datasets.Dataset` of Pillow images. Its operations that make another data set know of no `pictures`.
    """

    pictures: list[Picture]
    decoding = True

    @property
    def encoded(self) -> Rows:
        """The same rows with each picture a `Picture`, for an engine that decodes them itself."""
        rows = copy.copy(self)
        rows.decoding = False
        return rows

    def __getitem__(self, key) -> Any:
        rows = super().__getitem__(key)
        if isinstance(key, str) or "images" not in rows:
            return rows
        of_row = isinstance(key, Integral)
        cells = [rows["images"]] if of_row else rows["images"]
        pictures = {number: self.pictures[number] for cell in cells for number in cell}  # each once
        if self.decoding:
            pictures = {number: picture.decode() for number, picture in pictures.items()}
        cells = [[pictures[number] for number in cell] for cell in cells]
        return {**rows, "images": cells[0] if of_row else cells}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[number] for number in range(len(self)))


def dataset(problems: Sequence[Problem], instruction: str, completions: Sequence[str] | None = None) -> Rows:
    """The rows with prompt, images and problem_id, and the completion of each where they are given."""
    turn = [{"role": datasets.Value("string"), "content": datasets.Value("string")}]
    features = {
        "prompt": turn, "images": datasets.Sequence(datasets.Value("int64")), "problem_id": datasets.Value("string"),
    }  # fmt: skip
    pictures = [picture for p in problems for picture in p.images]
    number = iter(range(len(pictures)))
    columns: dict[str, list] = {
        "prompt": [user_message(user_text(p, instruction)) for p in problems],
        "images": [[next(number) for _ in p.images] for p in problems],
        "problem_id": [p.problem_id for p in problems],
    }
    if completions is not None:
        features["completion"] = turn
        columns["completion"] = [[{"role": "assistant", "content": text}] for text in completions]
    rows = Rows.from_dict(columns, features=datasets.Features(features))
    rows.pictures = pictures
    return rows


def encoded(stored: datasets.Dataset) -> datasets.Dataset:
    """The rows of a data set with their pictures not yet decoded, where it is one of `Rows`."""
    return stored.encoded if isinstance(stored, Rows) else stored
