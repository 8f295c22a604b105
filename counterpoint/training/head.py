"""The language-model head on completion positions alone: log-probability of the target and entropy of the distribution.

TRL's `ChunkedLogProbFunction` scores the vocabulary tile by tile twice, which suits a GPU short of memory. On a CPU
the products are what costs: here the probabilities are kept for the backward pass while they are few, and worked out
again, rows at a time, when they are many.
"""

from __future__ import annotations

import torch
from torch.nn.functional import linear

ROWS = 1 << 22  # scores worked on at a time
KEPT = 1 << 26  # scores kept for the backward pass at most


def score(hidden, weight, bias, targets, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities of the targets and entropies, (n,) in float32, and whether no token scores higher, for hidden
    states (n, width) under a head (vocabulary, width).

    The first two are differentiable. The scores are divided by `temperature` first.
    """
    return _Score.apply(hidden, weight, bias, targets, temperature)


def _parts(rows: int, columns: int) -> list[slice]:
    step = max(1, ROWS // columns)
    return [slice(start, start + step) for start in range(0, rows, step)]


class _Score(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, bias, targets, temperature):
        rows, columns = len(hidden), len(weight)
        values = hidden.new_empty(rows, dtype=torch.float32)
        norms, entropies = torch.empty_like(values), torch.empty_like(values)
        best = torch.empty(rows, dtype=torch.bool, device=hidden.device)
        keep = rows * columns <= KEPT and any(ctx.needs_input_grad[:3])
        kept = values.new_empty(rows, columns) if keep else None
        for part in _parts(rows, columns):
            scores = linear(hidden[part], weight, bias).float().div_(temperature)
            highest = scores.amax(-1, keepdim=True)
            scores.sub_(highest)
            weights = torch.exp(scores, out=None if kept is None else kept[part])
            total = weights.sum(-1)
            norm = total.log()
            target = scores.gather(1, targets[part].unsqueeze(1)).squeeze(1)
            values[part], best[part] = target - norm, target == 0
            # the mean score under the distribution, one dot product a row; a score of minus infinity weighs nothing
            mean = torch.linalg.vecdot(weights, scores.clamp_(min=-1e4)) / total
            entropies[part] = norm - mean
            norms[part] = norm + highest.squeeze(1)
            if kept is not None:
                kept[part].div_(total.unsqueeze(1))
        ctx.temperature = temperature
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(hidden, weight, bias, targets, norms, entropies, kept)
        ctx.mark_non_differentiable(best)
        return values, entropies, best

    @staticmethod
    def backward(ctx, d_values, d_entropies, _):
        hidden, weight, bias, targets, norms, entropies, kept = ctx.saved_tensors
        d_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        d_weight = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        d_bias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and ctx.needs_input_grad[2] else None
        zero = torch.zeros_like(norms)
        d_values = zero if d_values is None else d_values
        for part in _parts(len(hidden), len(weight)):
            if kept is None:
                scores = linear(hidden[part], weight, bias).float().div_(ctx.temperature)
                chances = scores.sub_(norms[part].unsqueeze(1)).exp_()
            else:
                chances = kept[part]
            slope = -d_values[part].unsqueeze(1)
            if d_entropies is None:
                grad = chances * slope
            else:  # dH/ds = -p (log p + H)
                logs = chances.log().clamp_(min=-1e4)
                grad = chances * (slope - d_entropies[part].unsqueeze(1) * (logs + entropies[part].unsqueeze(1)))
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
