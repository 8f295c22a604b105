"""What a generation gives."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Completion:
    """The text without special tokens, its length in tokens, and whether the limit cut it."""

    text: str
    tokens: int
    truncated: bool
