"""Log-probabilities of completions with each prompt, and each picture, computed once for all its completions.

The language-model head is applied to completion positions alone. TRL's `ChunkedLogProbFunction` scores the vocabulary
tile by tile twice, which suits a GPU short of memory. On a CPU the products are what costs: here the probabilities are
kept for the backward pass while they are few, and computed again, rows at a time, when they are many.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import linear

from counterpoint.generation import architecture, layers
from counterpoint.generation.attention import GroupedAttention, PairedAttention
from counterpoint.generation.prompts import Prompts, embed, features

COMPUTED_AT_ONCE = 1 << 22  # scores
KEPT_FOR_BACKWARD = 1 << 26  # scores at most


def log_probs(
    model,
    prompts: Prompts,
    completions: torch.Tensor,
    lengths: Sequence[int],
    groups: Sequence[int],
    temperature: float = 1.0,
    pictures: Sequence[torch.Tensor | None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of every completion token its log-probability, the entropy of the distribution it was drawn from, and whether no
    token was likelier: (B, C) each, 0 beyond a length.

    completions: token ids (B, C), padded on the right; lengths: how many of each row count (0 as well); groups: the
    prompt of each row; pictures: the features of each prompt's, where they are computed already.
    """
    parts = architecture.parts(model)
    device, lengths = completions.device, list(lengths)
    pictures = features(parts, prompts) if pictures is None else pictures
    input_lengths = [max(length - 1, 0) for length in lengths]  # no token follows a completion's last one
    if list(groups) == list(range(len(prompts))):  # one completion a prompt
        layout = PairedAttention(prompts.lengths, input_lengths, device)
    else:
        layout = GroupedAttention(prompts.lengths, input_lengths, list(groups), device)
    columns = torch.arange(completions.shape[1])
    counted = columns < torch.tensor(lengths).unsqueeze(1)
    inputs = columns < torch.tensor(input_lengths).unsqueeze(1)
    following = torch.tensor(prompts.following)[torch.tensor(groups)].unsqueeze(1) + columns
    following = following[inputs].to(device)
    first = prompts.positions[0]
    positions = torch.cat([*prompts.positions, following if first.dim() == 1 else following.expand(3, -1)], -1)
    hidden = embed(parts, prompts, pictures, completions[inputs.to(device)])
    cos, sin = layers.rotary(parts.decoder, hidden, positions.unsqueeze(-2))
    hidden = layers.run(parts.decoder, hidden, (cos[0], sin[0]), layout)
    # A completion's first token is predicted at the last token of its prompt, any other at the one before it. These
    # are the states that the layout needs: one a prompt, then the completions'.
    starts = len(prompts) + torch.tensor(input_lengths).cumsum(0) - torch.tensor(input_lengths)
    source = torch.where(columns == 0, torch.tensor(groups).unsqueeze(1), starts.unsqueeze(1) + columns - 1)
    counted, source = counted.to(device), source[counted].to(device)
    head = parts.head
    values, entropies, is_likeliest = score(
        hidden[source], head.weight, getattr(head, "bias", None), completions[counted], temperature
    )
    empty = values.new_zeros(completions.shape)
    # `masked_scatter` stays connected to the model when no token counts
    likeliest = torch.zeros_like(counted).masked_scatter(counted, is_likeliest)
    return empty.masked_scatter(counted, values), empty.masked_scatter(counted, entropies), likeliest


def score(hidden, weight, bias, targets, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities of the targets and entropies, (n,) in float32, and whether no token scores higher, for hidden
    states (n, width) under a head (vocabulary, width).

    The first two are differentiable. The scores are divided by `temperature` first.
    """
    return _Score.apply(hidden, weight, bias, targets, temperature)


def _slices(rows: int, columns: int) -> list[slice]:
    step = max(1, COMPUTED_AT_ONCE // columns)
    return [slice(start, start + step) for start in range(0, rows, step)]


class _Score(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, bias, targets, temperature):
        rows, columns = len(hidden), len(weight)
        values = hidden.new_empty(rows, dtype=torch.float32)
        norms, entropies = torch.empty_like(values), torch.empty_like(values)
        best = torch.empty(rows, dtype=torch.bool, device=hidden.device)
        keep = rows * columns <= KEPT_FOR_BACKWARD and any(ctx.needs_input_grad[:3])
        probabilities = values.new_empty(rows, columns) if keep else None
        for part in _slices(rows, columns):
            scores = linear(hidden[part], weight, bias).float().div_(temperature)
            highest = scores.amax(-1, keepdim=True)
            scores.sub_(highest)
            weights = torch.exp(scores, out=None if probabilities is None else probabilities[part])
            total = weights.sum(-1)
            norm = total.log()
            target = scores.gather(1, targets[part].unsqueeze(1)).squeeze(1)
            values[part], best[part] = target - norm, target == 0
            # the mean score under the distribution, one dot product a row; a score of minus infinity weighs nothing
            mean = torch.linalg.vecdot(weights, scores.clamp_(min=-1e4)) / total
            entropies[part] = norm - mean
            norms[part] = norm + highest.squeeze(1)
            if probabilities is not None:
                probabilities[part].div_(total.unsqueeze(1))
        ctx.temperature = temperature
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(hidden, weight, bias, targets, norms, entropies, probabilities)
        ctx.mark_non_differentiable(best)
        return values, entropies, best

    @staticmethod
    def backward(ctx, d_values, d_entropies, _):
        hidden, weight, bias, targets, norms, entropies, kept_probabilities = ctx.saved_tensors
        d_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        d_weight = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        d_bias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and ctx.needs_input_grad[2] else None
        zero = torch.zeros_like(norms)
        d_values = zero if d_values is None else d_values
        for part in _slices(len(hidden), len(weight)):
            if kept_probabilities is None:
                scores = linear(hidden[part], weight, bias).float().div_(ctx.temperature)
                probabilities = scores.sub_(norms[part].unsqueeze(1)).exp_()
            else:
                probabilities = kept_probabilities[part]
            slope = -d_values[part].unsqueeze(1)
            if d_entropies is None:
                grad = probabilities * slope
            else:  # dH/ds = -p (log p + H)
                logs = probabilities.log().clamp_(min=-1e4)
                grad = probabilities * (slope - d_entropies[part].unsqueeze(1) * (logs + entropies[part].unsqueeze(1)))
            grad.scatter_add_(1, targets[part].unsqueeze(1), -slope)
            grad = grad.div_(ctx.temperature).to(hidden.dtype)
            if d_hidden is not None:
                torch.mm(grad, weight, out=d_hidden[part])
            if d_weight is not None:
                d_weight.addmm_(grad.t().float(), hidden[part].float())
            if d_bias is not None:
                d_bias += grad.sum(0)
        d_weight = None if d_weight is None else d_weight.to(weight.dtype)
        return d_hidden, d_weight, None if d_bias is None else d_bias.to(bias.dtype), None, None
