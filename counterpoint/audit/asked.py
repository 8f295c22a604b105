"""Held-out problems as rows of TRL's form: checked before anything is asked, and read column by column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterpoint.errors import UserError


def columns(problems: Any) -> list[str]:
    """The columns of a `datasets.Dataset` or of a list of mappings. Raises `UserError` for what is neither, for none,
    and where a row has no prompt."""
    if not (hasattr(problems, "__len__") and hasattr(problems, "__getitem__")) or isinstance(problems, (str, Mapping)):
        raise UserError(
            f"HeldOutAccuracy: problems must be a datasets.Dataset or a list of rows, not {type(problems).__name__}; "
            "take some rows of a stream by list(stream.take(256)), a split of a DatasetDict by its name"
        )
    if not len(problems):
        raise UserError("HeldOutAccuracy: there is no problem; give the rows of a held-out set")
    for number, row in enumerate([] if hasattr(problems, "column_names") else problems):
        if not isinstance(row, Mapping):
            raise UserError(f"HeldOutAccuracy: row {number} is no mapping of columns but of type {type(row).__name__}")
        if row.keys() != problems[0].keys():
            raise UserError(f"HeldOutAccuracy: row {number} has not the columns of row 0; give each row the same")
    names = list(getattr(problems, "column_names", None) or problems[0])
    if "prompt" not in names:
        raise UserError(
            f"HeldOutAccuracy: the rows have no column `prompt`, only {', '.join(names)}; give a text or a list of "
            "messages, as in the training set"
        )
    prompts = column(problems, "prompt")
    for number, prompt in enumerate(prompts):
        alike = messages(prompt) == messages(prompts[0])
        if not prompt or not alike or not (messages(prompt) or isinstance(prompt, str)):
            raise UserError(
                f"HeldOutAccuracy: row {number}: prompt is {str(prompt)!r:.60}; give each row a text, or each a list "
                "of messages with role and content"
            )
    return names


def column(problems: Any, name: str) -> list:
    """A column; no other is read, for pictures take time."""
    return list(problems[name]) if hasattr(problems, "column_names") else [row[name] for row in problems]


def messages(prompt: Any) -> bool:
    """Whether a prompt is a conversation."""
    from trl.data_utils import is_conversational

    return bool(prompt) and is_conversational({"prompt": prompt})


def pictures(row: Mapping[str, Any]) -> list:
    """The pictures of a row, from the columns where TRL looks for them."""
    return list(row.get("images") or ([] if row.get("image") is None else [row["image"]]))
