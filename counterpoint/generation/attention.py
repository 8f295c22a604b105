"""Attention in which the G completions of a prompt share its keys and values instead of carrying G copies.

A completion's query meets two key sets, its prompt's and its own. Each is attended to apart, and the two results are
weighted by their softmax normalisers, which gives ordinary causal attention over prompt and completion (the merge of
blockwise attention, arXiv 2310.01889; Hydragen, arXiv 2402.05099, does it for shared prefixes in inference).
`GroupedAttention` serves a forward pass over a flat row of prompts and completions without padding, `PairedAttention`
the same with one completion a prompt, `CachedAttention` (in `cache.py`) one token a completion; `layers.run` takes any.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import torch
from torch.nn.functional import scaled_dot_product_attention

BLOCK = 48  # tokens of a completion up to which one block of scores is faster than PyTorch's fused attention on CPU
CHUNK = 16  # rows of similar length that `PairedAttention` attends at a time


class GroupedAttention:
    """Where everything lies in a flat row of the tokens of N prompts, then those of their completions.

    prompts and completions: lengths in tokens; prompts may differ, completions may be empty. groups: each completion's
    prompt; a prompt may have none. keep: whether the prompts' keys and values stay in `cache`, by layer, for decoding.
    `needed` are the positions whose last hidden state predicts a completion token: the last of each prompt, then all of
    the completions; the last layer need not go on with any other.
    """

    def __init__(self, prompts: list[int], completions: list[int], groups: list[int], device=None, keep: bool = False):
        self.cache: dict[int, tuple[torch.Tensor, torch.Tensor]] | None = {} if keep else None
        count, width = len(prompts), max(prompts)
        members: list[list[int]] = [[] for _ in prompts]
        starts = _starts(completions, sum(prompts))
        for row, group in enumerate(groups):
            if completions[row]:
                members[group].append(row)
        self.slots = max(map(len, members))
        self.longest = max(completions, default=0)
        index, real = _padded(_starts(prompts, 0), prompts, width)
        self.prompt_index = index.to(device)
        where = torch.empty(sum(prompts) + sum(completions), dtype=torch.long)
        where[index[real]] = real.flatten().nonzero().squeeze(1)
        self.prompt_bias = None
        if not real.all():
            bias = torch.zeros(count, 1, 1, width).masked_fill(~real[:, None, None], -torch.inf)
            self.prompt_bias = bias.to(device)
        if self.slots:
            filled = [rows + [None] * (self.slots - len(rows)) for rows in members]
            slots = [row for rows in filled for row in rows]
            index, real = _padded(
                [0 if row is None else starts[row] for row in slots],
                [0 if row is None else completions[row] for row in slots],
                self.longest,
            )
            where[index[real]] = count * width + real.flatten().nonzero().squeeze(1)
            self.completion_index = index.to(device)
        self.where = where.to(device)
        self.prompt_tokens = sum(prompts)
        last = torch.tensor(prompts).cumsum(0) - 1
        self.needed = torch.cat([last, torch.arange(self.prompt_tokens, len(where))]).to(device)

    def attend(self, layer: int, query, key, value, scaling: float) -> torch.Tensor:
        """Attention of the flat row: query, key, value and what is returned are (tokens, heads, width); of query and
        result only the `needed` rows where no more are given."""
        heads, width = query.shape[1:]
        count, length = self.prompt_index.shape
        rows = self.prompt_index.flatten()
        pk, pv = (x.index_select(0, rows).view(count, length, -1, width).transpose(1, 2) for x in (key, value))
        if self.cache is not None:
            self.cache[layer] = (pk.contiguous(), pv.contiguous())
        pk, pv = for_heads(pk, heads), for_heads(pv, heads)
        whole = len(query) == len(key)
        if whole:
            pq = query.index_select(0, rows).view(count, length, heads, width).transpose(1, 2)
            # Real tokens come first in a padded prompt, so causality alone keeps them from its padding.
            out = scaled_dot_product_attention(pq, pk, pv, is_causal=True, scale=scaling)
        else:
            pq = query[:count].unsqueeze(2)  # the last token of a prompt sees all of it
            mask = None if self.prompt_bias is None else self.prompt_bias.to(query.dtype)
            out = scaled_dot_product_attention(pq, pk, pv, attn_mask=mask, scale=scaling)
        out = out.transpose(1, 2).reshape(-1, heads, width)
        if self.slots:
            rows = self.completion_index.flatten()
            shape = (count * self.slots, self.longest, -1, width)
            ck, cv = (x.index_select(0, rows).view(shape).transpose(1, 2) for x in (key, value))
            rows = rows if whole else (rows + count - self.prompt_tokens).clamp(min=0)
            cq = query.index_select(0, rows).view(shape).transpose(1, 2)
            of_completions = cascade(cq, pk, pv, for_heads(ck, heads), for_heads(cv, heads), scaling, self.prompt_bias)
            out = torch.cat([out, of_completions.transpose(1, 2).reshape(-1, heads, width)])
        if whole:
            return out.index_select(0, self.where)
        before = torch.arange(count, device=out.device)
        return out.index_select(0, torch.cat([before, self.where[self.prompt_tokens :] + count - count * length]))


@dataclass(frozen=True)
class Chunk:
    """Rows of similar length. `index` (rows, longest) of their tokens in the flat row; `asked` (rows, longest + 1) of
    the needed ones among the needed; `seen` (rows, 1, longest + 1, longest), what each of those attends to."""

    index: torch.Tensor
    asked: torch.Tensor
    seen: torch.Tensor


class PairedAttention:
    """Where everything lies in a flat row of the tokens of N prompts, then those of their N completions.

    A layout for `layers.run` that gives what `GroupedAttention` gives for one completion a prompt, as in supervised
    fine-tuning. Nothing is shared then, and one causal attention over prompt and completion is faster than two. Rows
    are padded inside attention alone, and there only to the longest of their chunk. Completions may be empty.
    """

    def __init__(self, prompts: list[int], completions: list[int], device=None):
        before, after = torch.tensor(prompts), torch.tensor(completions)
        total, count = int(before.sum()), len(prompts)
        first, following = before.cumsum(0) - before, total + after.cumsum(0) - after
        self.needed = torch.cat([before.cumsum(0) - 1, torch.arange(total, total + int(after.sum()))]).to(device)
        where = torch.empty(total + int(after.sum()), dtype=torch.long)
        asked_where = torch.empty(len(self.needed), dtype=torch.long)
        self.chunks, filled, asked_filled = [], 0, 0
        for rows in (before + after).argsort(stable=True).split(CHUNK):
            tokens = torch.arange(int((before + after)[rows].max()))
            p, c = before[rows, None], after[rows, None]
            index = torch.where(tokens < p, first[rows, None] + tokens, following[rows, None] + tokens - p)
            real = tokens < p + c
            where[index[real]] = filled + real.flatten().nonzero().squeeze(1)
            filled += real.numel()
            # the last token of the prompt asks, then each of the completion
            queries = torch.arange(int(c.max()) + 1)
            asked = torch.where(queries == 0, rows[:, None], count + following[rows, None] - total + queries - 1)
            asking = queries <= c
            asked_where[asked[asking]] = asked_filled + asking.flatten().nonzero().squeeze(1)
            asked_filled += asking.numel()
            seen = tokens < (p + queries)[:, None, :, None]
            chunk = Chunk(index.where(real, 0).to(device), asked.where(asking, 0).to(device), seen.to(device))
            self.chunks.append(chunk)
        self.where, self.asked_where = where.to(device), asked_where.to(device)

    def attend(self, layer: int, query, key, value, scaling: float) -> torch.Tensor:
        """As `GroupedAttention.attend`."""
        heads, width = query.shape[1:]
        whole, parts = len(query) == len(key), []
        for chunk in self.chunks:
            keys, values = (for_heads(_gathered(x, chunk.index), heads) for x in (key, value))
            queries = _gathered(query, chunk.index if whole else chunk.asked)
            # Real tokens come first in a padded row, so causality alone keeps them from its padding.
            mask = {"is_causal": True} if whole else {"attn_mask": chunk.seen}
            out = scaled_dot_product_attention(queries, keys, values, scale=scaling, **mask)
            parts.append(out.transpose(1, 2).reshape(-1, heads, width))
        return torch.cat(parts).index_select(0, self.where if whole else self.asked_where)


def _gathered(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Tokens (tokens, heads, width) at `index` (rows, longest) as (rows, heads, longest, width)."""
    return x.index_select(0, index.flatten()).view(*index.shape, *x.shape[1:]).transpose(1, 2)


def _starts(lengths: list[int], first: int) -> list[int]:
    return list(accumulate(lengths[:-1], initial=first))


def _padded(starts: list[int], lengths: list[int], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices (rows, width) of consecutive runs of a flat row, 0 where padded, and which of them are real."""
    offsets = torch.arange(width)
    real = offsets < torch.tensor(lengths).unsqueeze(1)
    return torch.where(real, torch.tensor(starts).unsqueeze(1) + offsets, 0), real


def for_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """Keys or values (N, kv heads, tokens, width), each repeated for the query heads that share it."""
    return x if x.shape[1] == heads else x.repeat_interleave(heads // x.shape[1], 1)


def cascade(query, prompt_key, prompt_value, key, value, scaling: float, prompt_bias=None) -> torch.Tensor:
    """Causal attention of B = N x g completions over N prompts and themselves.

    query, key, value: (B, heads, c, width), the completions of a prompt side by side; prompt_key, prompt_value:
    (N, heads, P, width); prompt_bias: None or (N, 1, 1, P), minus infinity at padding. Returns (B, heads, c, width).
    """
    prompt_bias = None if prompt_bias is None else prompt_bias.to(query.dtype)
    if query.device.type == "cpu":
        return _Cascade.apply(query, prompt_key, prompt_value, key, value, scaling, prompt_bias)
    return _plain_cascade(query, prompt_key, prompt_value, key, value, scaling, prompt_bias)


def _plain_cascade(query, prompt_key, prompt_value, key, value, scaling: float, prompt_bias) -> torch.Tensor:
    """The same by two score blocks under one softmax: any device, any data type, any derivative."""
    count, longest = prompt_key.shape[0], query.shape[2]
    past = _by_prompt(query * scaling, count) @ prompt_key.transpose(2, 3)
    if prompt_bias is not None:
        past = past + prompt_bias
    ahead = torch.full((longest, longest), -torch.inf, device=query.device, dtype=query.dtype).triu(1)
    rows = query.shape[0]
    scores = (query * scaling) @ key.transpose(2, 3) + ahead
    weights = torch.cat([_by_completion(past, rows), scores], -1).softmax(-1)
    past, of_completions = weights.split([past.shape[-1], longest], -1)
    return _by_completion(_by_prompt(past, count) @ prompt_value, rows) + of_completions @ value


def _by_prompt(x: torch.Tensor, count: int) -> torch.Tensor:
    """(N x g, heads, c, …) as (N, heads, g x c, …); no copy where the rows lie as (rows, c, heads, …)."""
    return x.transpose(1, 2).reshape(count, -1, x.shape[1], *x.shape[3:]).transpose(1, 2)


def _by_completion(x: torch.Tensor, rows: int) -> torch.Tensor:
    """The reverse of `_by_prompt`."""
    return x.transpose(1, 2).reshape(rows, -1, x.shape[1], *x.shape[3:]).transpose(1, 2)


class _Cascade(torch.autograd.Function):
    """`cascade` by PyTorch's fused attention for CPU, which returns the normalisers as well. Backward: given the merged
    output and normaliser, the backward pass of each part gives its share of the gradient (as in ring attention, arXiv
    2310.01889). Scores over the prompt are never stored, and those of short completions are computed in one block."""

    @staticmethod
    def forward(ctx, query, prompt_key, prompt_value, key, value, scaling, prompt_bias):
        count, rows = prompt_key.shape[0], query.shape[0]
        shared = _by_prompt(query, count)
        bias = None if prompt_bias is None else prompt_bias.expand(-1, query.shape[1], shared.shape[2], -1)
        fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        past, past_norm = fused(shared, prompt_key, prompt_value, 0.0, False, attn_mask=bias, scale=scaling)
        causal = _block if _short(query) else partial(fused, dropout_p=0.0, is_causal=True)
        out, norm = causal(query, key, value, scale=scaling)
        past, past_norm = _by_completion(past, rows), _by_completion(past_norm, rows)
        total = torch.logaddexp(past_norm, norm)
        merged = past * (past_norm - total).exp().unsqueeze(-1) + out * (norm - total).exp().unsqueeze(-1)
        merged = merged.to(query.dtype)  # normalisers are float32 whatever the rest is
        ctx.save_for_backward(query, prompt_key, prompt_value, key, value, prompt_bias, merged, total)
        ctx.scaling = scaling
        return merged

    @staticmethod
    def backward(ctx, grad):
        query, prompt_key, prompt_value, key, value, prompt_bias, merged, total = ctx.saved_tensors
        count, rows = prompt_key.shape[0], query.shape[0]
        fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
        causal = _block_backward if _short(query) else partial(fused, dropout_p=0.0, is_causal=True)
        d_query, d_key, d_value = causal(grad, query, key, value, merged, total, scale=ctx.scaling)
        shared, merged, total, grad = (_by_prompt(x, count) for x in (query, merged, total, grad))
        bias = None if prompt_bias is None else prompt_bias.expand(-1, query.shape[1], shared.shape[2], -1)
        d_shared, d_prompt_key, d_prompt_value = fused(
            grad, shared, prompt_key, prompt_value, merged, total, 0.0, False, attn_mask=bias, scale=ctx.scaling
        )
        return d_query + _by_completion(d_shared, rows), d_prompt_key, d_prompt_value, d_key, d_value, None, None


def _short(query) -> bool:
    return query.shape[2] <= BLOCK and query.dtype == torch.float32


def _block(query, key, value, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Causal attention and its log normalisers by one block of scores: at few tokens half the time of the fused one."""
    scores = _block_scores(query, key, scale)
    highest = scores.amax(-1, keepdim=True)
    weights = scores.sub_(highest).exp_()
    total = weights.sum(-1, keepdim=True)
    out = torch.bmm(weights, value.flatten(0, 1)).div_(total)
    return out.view(query.shape), total.log_().add_(highest).view(query.shape[:3])


def _block_backward(grad, query, key, value, merged, norm, scale: float):
    """The share of these keys in the gradient of attention with output `merged` and log normaliser `norm`."""
    shape = query.shape
    slope = (grad * merged).sum(-1).flatten(0, 1).unsqueeze(-1)
    weights = _block_scores(query, key, scale).sub_(norm.flatten(0, 1).unsqueeze(-1)).exp_()
    query, key, value, grad = (x.flatten(0, 1) for x in (query, key, value, grad))
    d_value = torch.bmm(weights.transpose(1, 2), grad)
    d_scores = torch.bmm(grad, value.transpose(1, 2)).sub_(slope).mul_(weights).mul_(scale)
    d_query, d_key = torch.bmm(d_scores, key), torch.bmm(d_scores.transpose(1, 2), query)
    return d_query.view(shape), d_key.view(shape), d_value.view(shape)


def _block_scores(query, key, scale: float) -> torch.Tensor:
    """(rows x heads, c, c), minus infinity ahead of each token."""
    tokens = query.shape[2]
    ahead = query.new_full((tokens, tokens), -torch.inf).triu(1)
    return torch.baddbmm(ahead, query.flatten(0, 1), key.flatten(0, 1).transpose(1, 2), alpha=scale)
