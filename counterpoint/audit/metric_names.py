"""What the name of a metric or of a column says."""

from __future__ import annotations

import re
from collections.abc import Iterable

ACCURACY = ("accuracy", "acc", "exact_match", "em", "pass@1", "correct", "success_rate", "solve_rate")
GOLD = ("solution", "answer", "ground_truth", "gold", "gts", "target", "reference", "expected", "label")
SHOWN = {
    "mean length": ("completions/mean_length", "completion_length", "response_length/mean", "mean_length", "length"),
    "cut off": ("completions/clipped_ratio", "clipped_ratio", "response_length/clip_ratio", "truncated_fraction"),
    "entropy": ("entropy", "actor/entropy", "actor/entropy_loss"),
    "KL": ("kl", "actor/ppo_kl", "actor/kl_loss"),
    "no advantage": ("frac_reward_zero_std", "zero_advantage_fraction"),
}
_ACCURACY = re.compile(rf"(?:(?P<suite>.+)[_/])?(?:{'|'.join(ACCURACY)})", re.IGNORECASE)
_KINDS = (
    ("format", re.compile(r"format|tag|xml|structure|template", re.IGNORECASE)),
    ("length", re.compile(r"length|(?:^|[_/])len(?:$|[_/])|overlong|short|concise|verbos|repetition", re.IGNORECASE)),
)


def suite_of_accuracy(name: str) -> str | None:
    """The suite whose accuracy this name is ("" where it names none); None for any other metric."""
    match = _ACCURACY.fullmatch(name)
    if not match or re.search(r"token|reward", name, re.IGNORECASE):
        return None
    return match["suite"] or ""


def says_accuracy(term: str) -> bool:
    """Whether a reward term's name says that it is accuracy."""
    return bool(re.search(r"acc|correct|exact|match|solv|strict|success|pass@1", term, re.IGNORECASE))


def kind_of_term(name: str) -> str:
    """`format` or `length` where a reward term's name says so; else `accuracy`: it claims that the answer is right."""
    return next((kind for kind, words in _KINDS if words.search(name)), "accuracy")


def gold_column(columns: Iterable[str]) -> str | None:
    """The column that holds the right answer, or None."""
    lower = {column.lower(): column for column in columns}
    return next((lower[name] for name in GOLD if name in lower), None)
