"""Draw tokens from scores by inverse cumulative distribution: one random number a row, not one a vocabulary entry."""

from __future__ import annotations

import torch


def draw(scores: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Tokens (rows,) distributed as softmax(scores), from `uniform` numbers (rows,) in [0, 1).

    A token whose score is minus infinity is never drawn. Raises `FloatingPointError` for scores that are not numbers.
    """
    weights = (scores - scores.amax(-1, keepdim=True)).float().exp_()
    cumulative = weights.cumsum_(-1)
    total = cumulative[:, -1:]
    # rounding could otherwise reach the total, after which no token follows
    threshold = torch.minimum(uniform.unsqueeze(1) * total, torch.nextafter(total, torch.zeros_like(total)))
    tokens = torch.searchsorted(cumulative, threshold, right=True).squeeze(1)
    if bool((tokens >= scores.shape[1]).any()):
        raise FloatingPointError("the model's scores are not numbers; its weights have diverged")
    return tokens
