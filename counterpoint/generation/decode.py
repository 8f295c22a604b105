"""Batched decoding for probes and evaluation: greedy or sampled, by length, without touching global randomness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from transformers import GenerationConfig

from counterpoint.generation import architecture
from counterpoint.generation.completion import Completion
from counterpoint.generation.prepare import Preparer, decoded
from counterpoint.generation.rollout import rollout
from counterpoint.progress import track
from counterpoint.prompt import with_images
from counterpoint.suites.views import View

STOCK_DECODED = 1 << 29  # bytes of pixels that transformers' `generate` is given at a time: they make its batches
# What a checkpoint's own generation settings may not change: training samples without them.
NEUTRAL = {
    "repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_p": 0.0, "typical_p": 1.0, "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0, "num_beams": 1, "min_new_tokens": 0, "min_length": 0,
}  # fmt: skip


def generate(
    model,
    processor,
    wanted: Sequence[View],
    max_tokens: int,
    *,
    batch_size: int,
    sampled: bool = False,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    label: str = "",
    prepared: Preparer | None = None,
    done: Callable[[list[int], list[Completion]], None] | None = None,
) -> list[Completion]:
    """One completion a request, in the requests' order, at most `max_tokens` tokens each.

    Equal requests share their prompt, which is encoded once. Batches hold requests of similar length and equally many
    pictures. Sampling draws from a generator seeded by `seed`, or with `seeds` from one of each request's own, whatever
    else is wanted; the global random state is left as it was, and so is the model's mode. `prepared` keeps prompts for
    the next call. `done` is told the places and completions of each batch as it ends. With a `label`, progress in
    batches is told. A model whose prompts cannot be shared is decoded by transformers' `generate`, which draws for a
    whole batch: there `seeds` are those of its batches.
    """
    import torch

    def chat(request: View) -> str:
        messages = with_images(request.text, len(request.images))
        return processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)

    texts = {request: chat(request) for request in dict.fromkeys(wanted)}
    order = sorted(range(len(wanted)), key=lambda i: (len(wanted[i].images), len(texts[wanted[i]]), wanted[i].text, i))
    batches: list[list[int]] = []
    for i in order:
        alike = batches and len(wanted[batches[-1][0]].images) == len(wanted[i].images)
        if alike and len(batches[-1]) < batch_size:
            batches[-1].append(i)
        else:
            batches.append([i])
    shared = architecture.unsupported(model) is None
    prepared = prepared or (Preparer(model, processor) if shared else None)
    config = _config(model, processor, max_tokens, sampled, temperature, top_p)
    results: dict[int, Completion] = {}
    training = model.training
    model.eval()
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(seed)
        for batch in track(batches, label=label) if label else batches:
            requested = [wanted[i] for i in batch]
            own = [seeds[i] for i in batch] if seeds is not None and sampled else None
            if shared:
                ids = _shared(model, prepared, requested, texts, config, own)
            else:
                if own:
                    torch.manual_seed(own[0])
                ids = _stock(model, processor, requested, texts, config)
            for i, row in zip(batch, ids, strict=True):
                results[i] = _completion(processor.tokenizer, row, config)
            if done:
                done(batch, [results[i] for i in batch])
    model.train(training)
    return [results[i] for i in range(len(wanted))]


def _config(model, processor, max_tokens: int, sampled: bool, temperature: float, top_p: float) -> GenerationConfig:
    choice = {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0} if sampled else {}
    image_token = getattr(model.config, "image_token_id", None)
    stops = model.generation_config.eos_token_id or processor.tokenizer.eos_token_id
    stops = stops if isinstance(stops, list) else [stops]
    padding = processor.tokenizer.pad_token_id
    own = {key for key in NEUTRAL if getattr(model.generation_config, key, None) is not None}
    return GenerationConfig(
        max_new_tokens=max_tokens,
        suppress_tokens=None if image_token is None else [image_token],
        eos_token_id=stops,
        pad_token_id=stops[0] if padding is None else padding,
        disable_compile=True,
        **{key: value for key, value in NEUTRAL.items() if key in own},
        **{"do_sample": False, **choice},
    )


def _shared(model, prepared: Preparer, requested: Sequence[View], texts, config, seeds) -> list[list[int]]:
    """Token ids of one completion a request; equal requests are one prompt with several completions."""
    distinct = list(dict.fromkeys(requested))
    place = {request: i for i, request in enumerate(distinct)}
    prompts = prepared.get(distinct, lambda new: [(texts[one], one.images) for one in new])
    order = sorted(range(len(requested)), key=lambda i: place[requested[i]])  # prompt by prompt, as rollout has them
    repeats = [0] * len(distinct)
    for request in requested:
        repeats[place[request]] += 1
    uniform = _uniform([seeds[i] for i in order], config.max_new_tokens) if seeds else None
    found = dict(zip(order, rollout(model, prompts, repeats, config, uniform=uniform), strict=True))
    return [found[i] for i in range(len(requested))]


def _uniform(seeds: Sequence[int], steps: int):
    """Random numbers in [0, 1), one row of `steps` a seed, that depend on nothing but the seed."""
    import numpy as np
    import torch

    rows = [np.random.Generator(np.random.Philox(key=seed)).random(steps, dtype=np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(rows))


def _stock(model, processor, requested: Sequence[View], texts, config) -> list[list[int]]:
    """The same by transformers' `generate`, which pads behind the end token; a few at a time of large pictures."""
    found = []
    for part in decoded(((texts[request], request.images) for request in requested), STOCK_DECODED):
        images = [images for _, images in part]
        inputs = processor(
            text=[text for text, _ in part], images=images if images[0] else None, padding=True, return_tensors="pt"
        ).to(model.device)
        ids = model.generate(**inputs, generation_config=config)
        found += ids[:, inputs["input_ids"].shape[1] :].tolist()
    return found


def _completion(tokenizer, row: list[int], config) -> Completion:
    end = next((position for position, token in enumerate(row) if token in config.eos_token_id), None)
    kept = row[:end]
    return Completion(tokenizer.decode(kept, skip_special_tokens=True), len(kept) + (end is not None), end is None)
