"""Batched decoding for probes and evaluation: greedy or sampled, by length, without touching global randomness."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from transformers import GenerationConfig

from counterpoint.generation import architecture
from counterpoint.generation.completion import Completion, Decoding
from counterpoint.generation.prompts import Preparer, decoded
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


@contextmanager
def undisturbed(model) -> Iterator[None]:
    """The model in evaluation mode and without gradients; nothing that trains notices.

    Afterwards each of its modules has its mode again, and the random state of Python, numpy and torch is as it was, on
    the CPU and on the model's devices.
    """
    modes = [(module, module.training) for module in model.modules()]
    devices = {parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"}
    python, legacy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            model.eval()
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        for module, mode in modes:
            module.training = mode


def generate(
    model,
    processor,
    views: Sequence[View],
    decoding: Decoding,
    batch_size: int,
    *,
    seed: int | Sequence[int] = 0,
    prepared: Preparer | None = None,
    label: str = "",
    done: Callable[[list[int], list[Completion]], None] | None = None,
) -> list[Completion]:
    """One completion a view, in the views' order. Where several are wanted, the view occurs as often.

    Equal views share their prompt, which is encoded once. Batches hold views of similar length and equally many
    pictures. The global random state is left as it was, and so is the model's mode.

    seed: of one generator for all that is sampled, or one number a view, from which its sample follows alone, whatever
    else is asked. prepared: keeps prompts for the next call. label: where there is one, progress in batches is logged
    under it. done: is called with the positions and completions of each batch as it ends.

    A model whose prompts cannot be shared is decoded by transformers' `generate`, which draws for a whole batch: there
    a batch is drawn by the seed of its first view.
    """

    def chat(view: View) -> str:
        messages = with_images(view.text, len(view.images))
        return processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)

    texts = {view: chat(view) for view in dict.fromkeys(views)}
    order = sorted(range(len(views)), key=lambda i: (len(views[i].images), len(texts[views[i]]), views[i].text, i))
    batches: list[list[int]] = []
    for i in order:
        alike = batches and len(views[batches[-1][0]].images) == len(views[i].images)
        if alike and len(batches[-1]) < batch_size:
            batches[-1].append(i)
        else:
            batches.append([i])
    shared = architecture.unsupported(model) is None
    prepared = prepared or (Preparer(model, processor) if shared else None)
    config = settings(model, processor.tokenizer, decoding)
    results: dict[int, Completion] = {}
    with undisturbed(model):
        torch.manual_seed(seed if isinstance(seed, int) else 0)
        for batch in track(batches, label=label) if label else batches:
            asked = [views[i] for i in batch]
            seeds = None if isinstance(seed, int) or not decoding.samples else [seed[i] for i in batch]
            if shared:
                ids = _shared(model, prepared, asked, texts, config, seeds)
            else:
                if seeds:
                    torch.manual_seed(seeds[0])
                ids = _stock(model, processor, asked, texts, config)
            for i, row in zip(batch, ids, strict=True):
                results[i] = read(processor.tokenizer, row, config)
            if done:
                done(batch, [results[i] for i in batch])
    return [results[i] for i in range(len(views))]


def settings(model, tokenizer, decoding: Decoding) -> GenerationConfig:
    """How `model` is to generate: what its checkpoint's own settings would add is set to nothing."""
    drawn = {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
    image_token = getattr(model.config, "image_token_id", None)
    stops = model.generation_config.eos_token_id or tokenizer.eos_token_id
    stops = stops if isinstance(stops, list) else [stops]
    padding = tokenizer.pad_token_id
    set_by_model = {key for key in NEUTRAL if getattr(model.generation_config, key, None) is not None}
    return GenerationConfig(
        max_new_tokens=decoding.max_tokens,
        suppress_tokens=None if image_token is None else [image_token],
        eos_token_id=stops,
        pad_token_id=stops[0] if padding is None else padding,
        disable_compile=True,
        **{key: value for key, value in NEUTRAL.items() if key in set_by_model},
        **(drawn if decoding.samples else {"do_sample": False}),
    )


def _shared(model, prepared: Preparer, asked: Sequence[View], texts, config, seeds) -> list[list[int]]:
    """Token ids of one completion a view; equal views are one prompt with several completions."""
    distinct = list(dict.fromkeys(asked))
    number = {view: i for i, view in enumerate(distinct)}
    prompts = prepared.get(distinct, lambda missing: [(texts[view], view.images) for view in missing])
    order = sorted(range(len(asked)), key=lambda i: number[asked[i]])  # prompt by prompt, as rollout has them
    repeats = [0] * len(distinct)
    for view in asked:
        repeats[number[view]] += 1
    uniform = _uniform([seeds[i] for i in order], config.max_new_tokens) if seeds else None
    ids = dict(zip(order, rollout(model, prompts, repeats, config, uniform=uniform), strict=True))
    return [ids[i] for i in range(len(asked))]


def _uniform(seeds: Sequence[int], steps: int):
    """Random numbers in [0, 1), one row of `steps` a seed, that depend on nothing but the seed."""
    rows = [np.random.Generator(np.random.Philox(key=seed)).random(steps, dtype=np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(rows))


def _stock(model, processor, asked: Sequence[View], texts, config) -> list[list[int]]:
    """The same by transformers' `generate`, which pads behind the end token; a few at a time of large pictures."""
    rows = []
    for part in decoded(((texts[view], view.images) for view in asked), STOCK_DECODED):
        images = [images for _, images in part]
        inputs = processor(
            text=[text for text, _ in part], images=images if images[0] else None, padding=True, return_tensors="pt"
        ).to(model.device)
        ids = model.generate(**inputs, generation_config=config)
        rows += ids[:, inputs["input_ids"].shape[1] :].tolist()
    return rows


def read(tokenizer, row: list[int], config: GenerationConfig) -> Completion:
    """The completion whose token ids are in `row` up to the first end token; what pads it stands behind that."""
    end = next((position for position, token in enumerate(row) if token in config.eos_token_id), None)
    ids = row[:end]
    return Completion(tokenizer.decode(ids, skip_special_tokens=True), len(ids) + (end is not None), end is None)
