"""What the name of a metric or of a column says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from counterpoint.audit.series import Series

ACCURACY = ("accuracy", "acc", "exact_match", "em", "pass@1", "correct", "success_rate", "solve_rate")
# Names that anybody would give, in lower case: of the step, of the reward, of a held-out accuracy that says that it is
# held out, and of one that does not.
STEP = (
    "train/global_step", "eval/global_step", "step", "steps", "global_step", "global step", "trainer_step", "_step",
    "iteration", "iter", "update",
)  # fmt: skip
REWARD = (
    "rewards", "mean_reward", "reward_mean", "train_reward", "avg_reward", "training_reward", "critic/rewards/mean",
    "reward/mean", "return",
)  # fmt: skip
HELD_OUT = (
    "eval_accuracy", "val_accuracy", "val/accuracy", "val_acc", "test_accuracy", "test_acc", "heldout_accuracy",
    "held_out_accuracy", "eval_acc",
)  # fmt: skip
BARE = ("accuracy", "acc", "pass@1", "exact_match")
GOLD = ("solution", "answer", "ground_truth", "gold", "gts", "target", "reference", "expected", "label")
# What a metric is, and the names that TRL, verl, EasyR1, ms-swift, OpenRLHF and plain sheets give it; the first that is
# there counts. The prefix `train/` of Weights & Biases, TensorBoard and Trackio is gone before anybody looks here.
SHOWN = {
    "mean length": ("completions/mean_length", "completion_length", "response_length/mean", "mean_length",
                    "response_length", "length"),
    "cut off": ("completions/clipped_ratio", "clipped_ratio", "response_length/clip_ratio", "truncated_fraction",
                "truncated_rate"),
    "entropy": ("entropy", "actor/entropy", "actor/entropy_loss", "entropy/mean", "entropy_loss"),
    "KL": ("kl", "actor/kl_loss", "actor/reward_kl_penalty", "critic/kl", "kl_loss"),  # to the reference model
    "no advantage": ("frac_reward_zero_std", "zero_advantage_fraction"),  # share of groups whose rewards are all equal
    "policy KL": ("actor/ppo_kl", "ppo_kl"),  # of an update, to the policy that sampled
    "gradient norm": ("grad_norm", "actor/grad_norm", "actor_grad_norm"),
    "learning rate": ("learning_rate", "actor/lr", "lr", "actor_lr", "actor/lr(1e-4)"),
    "loss": ("loss", "actor/pg_loss", "policy_loss"),
    "reward spread": ("reward_std", "group_reward_std", "critic/rewards/std", "critic/score/std"),
    "lowest reward": ("reward_min", "critic/rewards/min", "critic/score/min"),
    "highest reward": ("reward_max", "critic/rewards/max", "critic/score/max"),
    "clipped updates": ("clip_ratio/region_mean", "clip_ratio", "actor/pg_clipfrac", "ppo_clip_ratio"),
    "step time": ("step_time", "timing_s/step", "perf/time_per_step", "timing/step"),  # seconds
}  # fmt: skip
ON_PAGE = ("mean length", "cut off", "entropy", "KL", "no advantage")  # of these, beside the curve
PLAIN = frozenset((*STEP, *REWARD, *HELD_OUT, *BARE, "reward", *(name for names in SHOWN.values() for name in names)))
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


def shown(metrics: Mapping[str, Series]) -> dict[str, Series]:
    """By what it is (the keys of `SHOWN`) the values of each metric that a run logged."""
    first = {title: next((name for name in names if metrics.get(name)), None) for title, names in SHOWN.items()}
    return {title: metrics[name] for title, name in first.items() if name}
