"""The description of a suite."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """`split`: whose problems; `words`: the text twin stands in place of the picture; `purpose`: a line for readers."""

    name: str
    split: str
    purpose: str
    words: bool = False
