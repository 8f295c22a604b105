"""Attention where each prompt has one completion, as in supervised fine-tuning: rows of similar length side by side.

Nothing is shared then, and one causal attention over prompt and completion is faster than the two of `Packed`. Rows are
padded inside attention alone, and there only to the longest of their chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import scaled_dot_product_attention

from counterpoint.generation.attention import for_heads

CHUNK = 16  # rows


@dataclass(frozen=True)
class Chunk:
    """Rows of similar length. `index` (rows, longest) of their tokens in the flat row; `asked` (rows, longest + 1) of
    the needed ones among the needed; `seen` (rows, 1, longest + 1, longest), what each of those attends to."""

    index: torch.Tensor
    asked: torch.Tensor
    seen: torch.Tensor


class Rows:
    """Where everything lies in a flat row of the tokens of N prompts, then those of their N completions.

    A layout for `layers.run` that gives what `Packed` gives for one completion a prompt. Completions may be empty.
    """

    kept = None

    def __init__(self, prompts: list[int], completions: list[int], device=None):
        before, after = torch.tensor(prompts), torch.tensor(completions)
        total, count = int(before.sum()), len(prompts)
        first, own = before.cumsum(0) - before, total + after.cumsum(0) - after
        self.needed = torch.cat([before.cumsum(0) - 1, torch.arange(total, total + int(after.sum()))]).to(device)
        where, asked_where = (
            torch.empty(total + int(after.sum()), dtype=torch.long),
            torch.empty(len(self.needed)).long(),
        )
        self.chunks, place, asked_place = [], 0, 0
        for rows in (before + after).argsort(stable=True).split(CHUNK):
            tokens = torch.arange(int((before + after)[rows].max()))
            p, c = before[rows, None], after[rows, None]
            index = torch.where(tokens < p, first[rows, None] + tokens, own[rows, None] + tokens - p)
            real = tokens < p + c
            where[index[real]] = place + real.flatten().nonzero().squeeze(1)
            place += real.numel()
            # the last token of the prompt asks, then each of the completion
            queries = torch.arange(int(c.max()) + 1)
            asked = torch.where(queries == 0, rows[:, None], count + own[rows, None] - total + queries - 1)
            asking = queries <= c
            asked_where[asked[asking]] = asked_place + asking.flatten().nonzero().squeeze(1)
            asked_place += asking.numel()
            seen = tokens < (p + queries)[:, None, :, None]
            chunk = Chunk(index.where(real, 0).to(device), asked.where(asking, 0).to(device), seen.to(device))
            self.chunks.append(chunk)
        self.where, self.asked_where = where.to(device), asked_where.to(device)

    def attend(self, layer: int, query, key, value, scaling: float) -> torch.Tensor:
        """As `Packed.attend`."""
        heads, width = query.shape[1:]
        whole, found = len(query) == len(key), []
        for chunk in self.chunks:
            keys, values = (for_heads(_gathered(x, chunk.index), heads) for x in (key, value))
            queries = _gathered(query, chunk.index if whole else chunk.asked)
            # Real tokens come first in a padded row, so causality alone keeps them from its padding.
            mask = {"is_causal": True} if whole else {"attn_mask": chunk.seen}
            out = scaled_dot_product_attention(queries, keys, values, scale=scaling, **mask)
            found.append(out.transpose(1, 2).reshape(-1, heads, width))
        return torch.cat(found).index_select(0, self.where if whole else self.asked_where)


def _gathered(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Tokens (tokens, heads, width) at `index` (rows, longest) as (rows, heads, longest, width)."""
    return x.index_select(0, index.flatten()).view(*index.shape, *x.shape[1:]).transpose(1, 2)
