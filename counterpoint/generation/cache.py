"""The keys and values of a rollout: one prompt cache a group and a preallocated cache a completion."""

from __future__ import annotations

import torch


class CachedAttention:
    """Attention of one new token a completion over its prompt's cache and its own; a layout for `layers.run`.

    `prompts` holds, by layer, the prompts' keys and values (N, kv heads, P, width); `groups` (rows,) names each
    completion's prompt, in ascending order; `limit` is the number of tokens that a completion's cache holds.
    """

    needed = None  # every row's state is

    def __init__(self, prompts: dict, prompt_bias: torch.Tensor | None, groups: torch.Tensor, limit: int):
        self.prompts, self.bias, self.groups = prompts, prompt_bias, groups
        self.step = 0  # tokens that every completion's cache holds; the caller counts on when all layers have run
        self.completions = {
            layer: tuple(x.new_empty(len(groups), x.shape[1], limit, x.shape[3]) for x in pair)
            for layer, pair in prompts.items()
        }
        self._assign_slots()
        self.is_unshared = self.slots == 1  # a single query a head, for which plain products are faster

    def _assign_slots(self) -> None:
        """Slots (N, longest group) for the rows; full groups need no index, the rows are the slots."""
        counts = torch.bincount(self.groups, minlength=self.count)
        self.slots = int(counts.max())
        self.row_of_slot = self.slot_of_row = None
        if int(counts.min()) < self.slots:
            rows = torch.arange(len(self.groups), device=self.groups.device)
            first = counts.cumsum(0) - counts
            self.slot_of_row = self.groups * self.slots + rows - first[self.groups]
            self.row_of_slot = rows.new_zeros(self.count * self.slots).index_copy_(0, self.slot_of_row, rows)

    @property
    def count(self) -> int:
        """The number of prompts that still have completions under way."""
        return next(iter(self.prompts.values()))[0].shape[0]

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with some rows only, and with only the prompts that they need."""
        left, groups = self.groups[rows].unique(return_inverse=True)
        for layer, pair in self.completions.items():
            limit = pair[0].shape[2]
            fresh = tuple(x.new_empty(len(rows), x.shape[1], limit, x.shape[3]) for x in pair)
            for new, old in zip(fresh, pair, strict=True):
                new[:, :, : self.step] = old[rows, :, : self.step]
            self.completions[layer] = fresh
        if len(left) < self.count:
            self.prompts = {layer: tuple(x[left] for x in pair) for layer, pair in self.prompts.items()}
            self.bias = None if self.bias is None else self.bias[left]
        self.groups = groups
        self._assign_slots()

    def attend(self, layer: int, query, key, value, scaling: float) -> torch.Tensor:
        """One token a completion: query and result (rows, heads, width), key and value (rows, kv heads, width)."""
        rows, heads, width = query.shape
        keys, values = self.completions[layer]
        keys[:, :, self.step], values[:, :, self.step] = key, value
        kv_heads = keys.shape[1]
        # Query heads that share a key head stand as several queries of that head.
        queries = query.reshape(rows, kv_heads, -1, width)
        seen = self.step + 1
        out, norm = _attention(queries, keys[:, :, :seen], values[:, :, :seen], None, scaling)
        shared = queries if self.row_of_slot is None else queries.index_select(0, self.row_of_slot)
        shared = shared.view(self.count, self.slots, kv_heads, -1, width).transpose(1, 2)
        past, past_norm = _attention(
            shared.reshape(self.count, kv_heads, -1, width), *self.prompts[layer], self.bias, scaling, self.is_unshared
        )
        past, past_norm = (self._by_row(x, kv_heads) for x in (past, past_norm.unsqueeze(-1)))
        weight = torch.sigmoid(past_norm - norm.unsqueeze(-1))  # the prompt's share of the joint softmax
        return torch.lerp(out, past, weight.to(out.dtype)).reshape(rows, heads, width)

    def _by_row(self, x: torch.Tensor, kv_heads: int) -> torch.Tensor:
        """(N, kv heads, slots x share, …) as (rows, kv heads, share, …)."""
        x = x.view(self.count, kv_heads, self.slots, -1, x.shape[-1]).transpose(1, 2).flatten(0, 1)
        return x if self.slot_of_row is None else x.index_select(0, self.slot_of_row)


def _attention(query, key, value, bias, scaling: float, plain: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention without a causal mask and its log normalisers, (rows, heads, queries); `plain`: as two products."""
    bias = None if bias is None else bias.to(query.dtype)
    if plain and query.device.type == "cpu":
        scores = (query * scaling) @ key.transpose(2, 3)
        scores = scores if bias is None else scores.add_(bias)
        most = scores.amax(-1, keepdim=True)
        weights = scores.sub_(most).exp_()
        total = weights.sum(-1, keepdim=True)
        return (weights @ value).div_(total), total.log_().add_(most).squeeze(-1)
    if query.device.type == "cpu":
        bias = None if bias is None else bias.expand(-1, query.shape[1], query.shape[2], -1)
        fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        return fused(query, key, value, 0.0, False, attn_mask=bias, scale=scaling)
    scores = (query * scaling) @ key.transpose(2, 3)
    scores = scores if bias is None else scores + bias
    return scores.softmax(-1) @ value, scores.logsumexp(-1)
