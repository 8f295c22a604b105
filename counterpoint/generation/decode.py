"""Batched decoding for probes and evaluation: greedy or sampled, by length, without touching global randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import GenerationConfig

from counterpoint.generation import architecture
from counterpoint.generation.prepare import Preparer
from counterpoint.generation.rollout import rollout
from counterpoint.problem import Problem, decode
from counterpoint.progress import track
from counterpoint.prompt import user_text, with_images

# What a checkpoint's own generation settings may not change: training samples without them.
NEUTRAL = {
    "repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_p": 0.0, "typical_p": 1.0, "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0, "num_beams": 1, "min_new_tokens": 0, "min_length": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What one generation starts from: the user's text and encoded pictures."""

    text: str
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Completion:
    """What came out: the text without special tokens, its length in tokens, and whether the limit cut it."""

    text: str
    tokens: int
    truncated: bool


def requests(problems: Sequence[Problem], instruction: str, words: bool, condition: str = "normal") -> list[Request]:
    """How a suite shows its problems. With `words` the twin stands for the picture; `no_image` withholds either,
    `shuffled_image` shows the picture (or the words) of the next problem of the same family."""
    shown = list(problems)
    if condition == "shuffled_image":
        shown = _next_of_family(problems)
    result = []
    for problem, other in zip(problems, shown, strict=True):
        asked = user_text(problem, instruction)
        if condition == "no_image":
            result.append(Request(asked))
        elif words:
            result.append(Request(f"{other.text_twin} {asked}"))
        else:
            result.append(Request(asked, other.images))
    return result


def _next_of_family(problems: Sequence[Problem]) -> list[Problem]:
    """For each problem the next one of its family with another state, in a cycle (itself if there is none)."""
    families: dict[str, list[Problem]] = {}
    for problem in problems:
        families.setdefault(problem.family, []).append(problem)
    place = {p.problem_id: (members, i) for members in families.values() for i, p in enumerate(members)}
    shuffled = []
    for problem in problems:
        members, i = place[problem.problem_id]
        others = (members[(i + k) % len(members)] for k in range(1, len(members)))
        shuffled.append(next((o for o in others if o.state_id != problem.state_id), problem))
    return shuffled


def generate(
    model,
    processor,
    wanted: Sequence[Request],
    max_tokens: int,
    *,
    batch_size: int,
    sampled: bool = False,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
    label: str = "",
    prepared: Preparer | None = None,
) -> list[Completion]:
    """One completion a request, in the requests' order, at most `max_tokens` tokens each.

    Equal requests share their prompt, which is encoded once. Batches hold requests of similar length and equally many
    pictures. Sampling draws from a generator seeded by `seed`; the global random state is left as it was, and so is the
    model's mode. `prepared` keeps prompts for the next call. With a `label`, progress in batches is told. A model whose
    prompts cannot be shared is decoded by transformers' `generate`.
    """
    import torch

    def chat(request: Request) -> str:
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
            ids = (
                _shared(model, prepared, requested, texts, config)
                if shared
                else _stock(model, processor, requested, texts, config)
            )
            for i, row in zip(batch, ids, strict=True):
                results[i] = _completion(processor.tokenizer, row, config)
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


def _shared(model, prepared: Preparer, requested: Sequence[Request], texts, config) -> list[list[int]]:
    """Token ids of one completion a request; equal requests are one prompt with several completions."""
    distinct = list(dict.fromkeys(requested))
    place = {request: i for i, request in enumerate(distinct)}
    prompts = prepared.get(distinct, lambda new: [(texts[one], [decode(data) for data in one.images]) for one in new])
    repeats = [0] * len(distinct)
    for request in requested:
        repeats[place[request]] += 1
    found = iter(rollout(model, prompts, repeats, config))
    drawn = [iter([next(found) for _ in range(count)]) for count in repeats]
    return [next(drawn[place[request]]) for request in requested]


def _stock(model, processor, requested: Sequence[Request], texts, config) -> list[list[int]]:
    """The same by transformers' `generate`, which pads behind the end token."""
    images = [[decode(data) for data in request.images] for request in requested]
    inputs = processor(
        text=[texts[request] for request in requested],
        images=images if images[0] else None,
        padding=True,
        return_tensors="pt",
    ).to(model.device)
    return model.generate(**inputs, generation_config=config)[:, inputs["input_ids"].shape[1] :].tolist()


def _completion(tokenizer, row: list[int], config) -> Completion:
    end = next((position for position, token in enumerate(row) if token in config.eos_token_id), None)
    kept = row[:end]
    return Completion(tokenizer.decode(kept, skip_special_tokens=True), len(kept) + (end is not None), end is None)
