"""The keys, values and last states of prompts, in parts small enough for a processor's cache."""

from __future__ import annotations

import torch

from counterpoint.generation import layers
from counterpoint.generation.architecture import Parts
from counterpoint.generation.attention import Packed
from counterpoint.generation.prompts import Prompts

AT_ONCE = (
    3072  # tokens; with more a micro model's intermediate results leave a CPU's cache, and it takes a third longer
)


def prefill(
    parts: Parts, prompts: Prompts, hidden: torch.Tensor, joined
) -> tuple[torch.Tensor, dict, torch.Tensor | None]:
    """What decoding starts from: the last state of each prompt (N, width), by layer the keys and values of all
    (N, kv heads, P, head width), and the bias (N, 1, 1, P) that hides their padding, None where all are of one length.

    hidden: the prompts' embedded tokens in a flat row (tokens, width); joined: `layers.join` of the decoder.
    """
    lengths, longest = prompts.lengths, max(prompts.lengths)
    each = max(1, AT_ONCE // longest) if hidden.device.type == "cpu" else len(lengths)
    cos, sin = layers.rotary(parts.decoder, hidden, torch.cat(prompts.positions, -1).unsqueeze(-2))
    states, layouts, begin = [], [], 0
    for start in range(0, len(lengths), each):
        some = lengths[start : start + each]
        tokens = slice(begin, begin + sum(some))
        layout = Packed(some, [], [], hidden.device, keep=True)  # needs the last token of each prompt alone
        states.append(layers.run(parts.decoder, hidden[tokens], (cos[0, tokens], sin[0, tokens]), layout, joined))
        layouts.append(layout)
        begin = tokens.stop
    if len(layouts) == 1:
        return states[0], layouts[0].kept, layouts[0].prompt_bias
    return torch.cat(states), *_together(layouts, lengths, longest)


def _together(layouts: list[Packed], lengths: list[int], longest: int) -> tuple[dict, torch.Tensor | None]:
    """Keys, values and bias of several layouts as of one; each gives up its own as it goes."""
    kept = {}
    for layer in list(layouts[0].kept):
        pairs = [layout.kept.pop(layer) for layout in layouts]
        like = pairs[0][0]
        whole = tuple(like.new_zeros(len(lengths), like.shape[1], longest, like.shape[3]) for _ in range(2))
        first = 0
        for pair in pairs:
            for all_of, some in zip(whole, pair, strict=True):
                all_of[first : first + len(some), :, : some.shape[2]] = some
            first += len(pair[0])
        kept[layer] = whole
    real = torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)
    if real.all():
        return kept, None
    bias = torch.zeros(len(lengths), 1, 1, longest).masked_fill(~real[:, None, None], -torch.inf)
    return kept, bias.to(like.device)
