"""Log-probabilities of completions with each prompt, and each picture, computed once for all its completions."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from counterpoint.generation import architecture, layers
from counterpoint.generation.attention import Packed
from counterpoint.generation.prompts import Prompts, embed, features
from counterpoint.generation.rows import Rows
from counterpoint.training.head import score


def log_probs(
    model,
    prompts: Prompts,
    completions: torch.Tensor,
    lengths: Sequence[int],
    groups: Sequence[int],
    temperature: float = 1.0,
    seen: Sequence[torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of every completion token its log-probability, the entropy of the distribution it was drawn from, and whether no
    token was likelier: (B, C) each, 0 beyond a length.

    completions: token ids (B, C), padded on the right; lengths: how many of each row count (0 as well); groups: the
    prompt of each row; seen: picture features if they are known. The head scores completion positions alone.
    """
    parts = architecture.parts(model)
    device, lengths = completions.device, list(lengths)
    seen = features(parts, prompts) if seen is None else seen
    run = [max(length - 1, 0) for length in lengths]  # no token follows a completion's last one
    alone = list(groups) == list(range(len(prompts)))
    layout = Rows(prompts.lengths, run, device) if alone else Packed(prompts.lengths, run, list(groups), device)
    columns = torch.arange(completions.shape[1])
    counted = columns < torch.tensor(lengths).unsqueeze(1)
    inputs = columns < torch.tensor(run).unsqueeze(1)
    following = torch.tensor(prompts.following)[torch.tensor(groups)].unsqueeze(1) + columns
    following = following[inputs].to(device)
    first = prompts.positions[0]
    positions = torch.cat([*prompts.positions, following if first.dim() == 1 else following.expand(3, -1)], -1)
    hidden = embed(parts, prompts, seen, completions[inputs.to(device)])
    cos, sin = layers.rotary(parts.decoder, hidden, positions.unsqueeze(-2))
    hidden = layers.run(parts.decoder, hidden, (cos[0], sin[0]), layout)
    # A completion's first token is predicted at the last token of its prompt, any other at the one before it. These
    # are the states that the layout needs: one a prompt, then the completions'.
    starts = len(prompts) + torch.tensor(run).cumsum(0) - torch.tensor(run)
    source = torch.where(columns == 0, torch.tensor(groups).unsqueeze(1), starts.unsqueeze(1) + columns - 1)
    counted, source = counted.to(device), source[counted].to(device)
    head = parts.head
    values, spread, best = score(
        hidden[source], head.weight, getattr(head, "bias", None), completions[counted], temperature
    )
    empty = values.new_zeros(completions.shape)
    # `masked_scatter` stays connected to the model when no token counts
    likeliest = torch.zeros_like(counted).masked_scatter(counted, best)
    return empty.masked_scatter(counted, values), empty.masked_scatter(counted, spread), likeliest
