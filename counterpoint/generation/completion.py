"""What is asked of a generation, and what it gives. Without torch, for programs that only read completions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Completion:
    """The text without special tokens, its length in tokens, and whether the limit cut it."""

    text: str
    tokens: int
    truncated: bool


@dataclass(frozen=True)
class Decoding:
    """How completions come about: greedily, or `samples` drawn at `temperature` and `top_p`; `max_tokens` at most."""

    max_tokens: int
    samples: int = 0  # 0: the greedy one
    temperature: float = 1.0
    top_p: float = 1.0

    @property
    def name(self) -> str:
        """As the tables call it."""
        return "sampled" if self.samples else "greedy"

    @property
    def indices(self) -> range:
        """The sample indices of one problem."""
        return range(self.samples or 1)

    def settings(self) -> dict[str, Any]:
        """What a generation follows from; how many samples there are is not part of it."""
        drawn = {"temperature": self.temperature, "top_p": self.top_p} if self.samples else {}
        return {"decoding": self.name, "max_tokens": self.max_tokens, **drawn}
