"""Completions of distinct prompts: each prompt is encoded and prefilled once, however many completions it gets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import GenerationConfig

from counterpoint.generation import architecture, layers
from counterpoint.generation.attention import Packed
from counterpoint.generation.cache import Decoding
from counterpoint.generation.draw import draw
from counterpoint.generation.prompts import Prompts, embed, features

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
    seen: Sequence[torch.Tensor | None] | None = None,
    uniform: torch.Tensor | None = None,
) -> list[list[int]]:
    """Token ids of `repeats[n]` completions of each prompt n, prompt by prompt, an end token included where one came.

    Scores go through the processors that transformers' `generate` builds from `config` (temperature, top-p, top-k,
    min-p, repetition penalty, suppressed tokens, …); tokens are drawn by `uniform` (completions, steps), or by numbers
    from the global random state, one a completion and step, whether or not others have ended. `seen`: picture features,
    if they are known already.
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
    seen = features(parts, prompts) if seen is None else seen
    layout = Packed(prompts.lengths, [], [], device, keep=True)
    hidden = embed(parts, prompts, seen, prompts.ids[0][:0])
    joined = layers.join(parts.decoder)
    cos, sin = layers.rotary(parts.decoder, hidden, torch.cat(prompts.positions, -1).unsqueeze(-2))
    hidden = layers.run(parts.decoder, hidden, (cos[0], sin[0]), layout, joined)
    scores = parts.head(hidden)[groups]  # the layout needs the last token of each prompt alone
    ahead = torch.tensor(prompts.following, device=device).unsqueeze(1) + torch.arange(limit, device=device)
    ahead = ahead if prompts.positions[0].dim() == 1 else ahead.expand(3, -1, -1)
    cos, sin = layers.rotary(parts.decoder, hidden, ahead)
    cache = Decoding(layout.kept, layout.prompt_bias, groups, limit)
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
