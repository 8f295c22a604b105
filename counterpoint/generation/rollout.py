"""Completions of distinct prompts: each prompt is encoded and prefilled once, however many completions it gets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import GenerationConfig

from counterpoint.generation import architecture, layers
from counterpoint.generation.architecture import Parts
from counterpoint.generation.attention import GroupedAttention
from counterpoint.generation.cache import CachedAttention
from counterpoint.generation.prompts import Prompts, embed, features

# tokens; with more a micro model's intermediate results leave a CPU's cache, and prefill takes a third longer
PREFILLED_AT_ONCE = 3072
DROP_AT = 0.8  # finished completions leave the batch when no more than this share of it is under way
SETTINGS = (  # what a GenerationConfig may ask for here; each acts through transformers' own processors
    "do_sample", "temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff",
    "repetition_penalty", "no_repeat_ngram_size", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens",
    "min_new_tokens", "max_new_tokens", "bos_token_id", "eos_token_id", "pad_token_id",
)  # fmt: skip


@torch.no_grad()
def rollout(
    model,
    prompts: Prompts,
    repeats: Sequence[int],
    config: GenerationConfig,
    pictures: Sequence[torch.Tensor | None] | None = None,
    uniform: torch.Tensor | None = None,
) -> list[list[int]]:
    """Token ids of `repeats[n]` completions of each prompt n, prompt by prompt, an end token included where one came.

    Scores go through the processors that transformers' `generate` builds from `config` (temperature, top-p, top-k,
    min-p, repetition penalty, suppressed tokens, …); tokens are drawn by `uniform` (completions, steps), or by numbers
    from the global random state, one a completion and step, whether or not others have ended. `pictures`: their
    features by prompt, where they are computed already.
    """
    parts = architecture.parts(model)
    device = prompts.ids[0].device
    config, _ = parts.model._prepare_generation_config(config)
    parts.model._prepare_special_tokens(config, device=device)
    limit, rows = config.max_new_tokens, sum(repeats)
    groups = torch.repeat_interleave(torch.arange(len(prompts)), torch.tensor(repeats)).to(device)
    width = max(prompts.lengths)
    history = torch.full((len(prompts), width), config.pad_token_id, device=device)
    for row, ids in enumerate(prompts.ids):
        history[row, width - len(ids) :] = ids
    history = torch.cat([history[groups], history.new_zeros(rows, limit)], 1)  # padded as `generate` would see it
    process = parts.model._get_logits_processor(config, input_ids_seq_length=width, device=device)
    if not config.do_sample:
        uniform = None
    else:
        uniform = torch.rand(rows, limit, device=device) if uniform is None else uniform.to(device)
    pictures = features(parts, prompts) if pictures is None else pictures
    joined = layers.join(parts.decoder)
    embedded = embed(parts, prompts, pictures, prompts.ids[0][:0])
    hidden, keys_and_values, bias = prefill(parts, prompts, embedded, joined)
    scores = parts.head(hidden)[groups]
    ahead = torch.tensor(prompts.following, device=device).unsqueeze(1) + torch.arange(limit, device=device)
    ahead = ahead if prompts.positions[0].dim() == 1 else ahead.expand(3, -1, -1)
    cos, sin = layers.rotary(parts.decoder, hidden, ahead)
    cache = CachedAttention(keys_and_values, bias, groups, limit)
    alive = torch.arange(rows, device=device)  # the completion that each row of the batch is
    ended = torch.zeros(rows, dtype=torch.bool, device=device)
    stops = torch.as_tensor(config._eos_token_tensor, device=device)
    lengths = torch.full((rows,), limit, device=device)
    written = history.clone()
    cos, sin = cos[groups], sin[groups]
    for step in range(limit):
        scores = process(written[:, : width + step], scores.float())
        tokens = scores.argmax(-1) if uniform is None else draw(scores, uniform[alive, step])
        written[:, width + step] = tokens
        now = torch.isin(tokens, stops) & ~ended
        lengths[alive[now]] = step + 1
        ended |= now
        under_way = int((~ended).sum())
        if step + 1 == limit or not under_way:
            break
        if under_way <= DROP_AT * len(ended):
            history[alive, : width + step + 1] = written[:, : width + step + 1]
            rows_left = (~ended).nonzero().squeeze(1)
            alive, written, tokens = alive[rows_left], written[rows_left], tokens[rows_left]
            cos, sin = cos[rows_left], sin[rows_left]
            ended = ended[rows_left]
            cache.keep(rows_left)
        hidden = parts.model.get_input_embeddings()(tokens)
        scores = parts.head(layers.run(parts.decoder, hidden, (cos[:, step], sin[:, step]), cache, joined))
        cache.step += 1
    history[alive] = written
    return [row[:length] for row, length in zip(history[:, width:].tolist(), lengths.tolist(), strict=True)]


def prefill(
    parts: Parts, prompts: Prompts, hidden: torch.Tensor, joined
) -> tuple[torch.Tensor, dict, torch.Tensor | None]:
    """What decoding starts from: the last state of each prompt (N, width), by layer the keys and values of all
    (N, kv heads, P, head width), and the bias (N, 1, 1, P) that hides their padding, None where all are of one length.

    hidden: the prompts' embedded tokens in a flat row (tokens, width); joined: `layers.join` of the decoder.
    """
    lengths, longest = prompts.lengths, max(prompts.lengths)
    each = max(1, PREFILLED_AT_ONCE // longest) if hidden.device.type == "cpu" else len(lengths)
    cos, sin = layers.rotary(parts.decoder, hidden, torch.cat(prompts.positions, -1).unsqueeze(-2))
    states, layouts, begin = [], [], 0
    for start in range(0, len(lengths), each):
        some = lengths[start : start + each]
        tokens = slice(begin, begin + sum(some))
        layout = GroupedAttention(some, [], [], hidden.device, keep=True)  # needs the last token of each prompt alone
        states.append(layers.run(parts.decoder, hidden[tokens], (cos[0, tokens], sin[0, tokens]), layout, joined))
        layouts.append(layout)
        begin = tokens.stop
    if len(layouts) == 1:
        return states[0], layouts[0].cache, layouts[0].prompt_bias
    return torch.cat(states), *_together(layouts, lengths, longest)


def _together(layouts: list[GroupedAttention], lengths: list[int], longest: int) -> tuple[dict, torch.Tensor | None]:
    """Keys, values and bias of several layouts as of one; each gives up its own as it goes."""
    cache = {}
    for layer in list(layouts[0].cache):
        pairs = [layout.cache.pop(layer) for layout in layouts]
        like = pairs[0][0]
        whole = tuple(like.new_zeros(len(lengths), like.shape[1], longest, like.shape[3]) for _ in range(2))
        first = 0
        for pair in pairs:
            for all_of, some in zip(whole, pair, strict=True):
                all_of[first : first + len(some), :, : some.shape[2]] = some
            first += len(pair[0])
        cache[layer] = whole
    real = torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)
    if real.all():
        return cache, None
    bias = torch.zeros(len(lengths), 1, 1, longest).masked_fill(~real[:, None, None], -torch.inf)
    return cache, bias.to(like.device)


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
