"""Batched decoding for probes and evaluation: greedy or sampled, by length, without touching global randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint.problem import Problem, decode
from counterpoint.progress import track
from counterpoint.prompt import user_text, with_images


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
) -> list[Completion]:
    """One completion a request, in the requests' order, at most `max_tokens` tokens each.

    Batches hold requests of similar length and equally many pictures. Sampling draws from a generator seeded by `seed`;
    the global random state is left as it was, and so is the model's mode. With a `label`, progress in batches is told.
    """
    import torch

    texts = [
        processor.apply_chat_template(with_images(r.text, len(r.images)), add_generation_prompt=True, tokenize=False)
        for r in wanted
    ]
    order = sorted(range(len(wanted)), key=lambda i: (len(wanted[i].images), len(texts[i]), i))
    batches: list[list[int]] = []
    for i in order:
        alike = batches and len(wanted[batches[-1][0]].images) == len(wanted[i].images)
        if alike and len(batches[-1]) < batch_size:
            batches[-1].append(i)
        else:
            batches.append([i])
    results: dict[int, Completion] = {}
    training = model.training
    model.eval()
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.inference_mode():
        torch.manual_seed(seed)
        for batch in track(batches, label=label) if label else batches:
            images = [[decode(data) for data in wanted[i].images] for i in batch]
            inputs = processor(
                text=[texts[i] for i in batch],
                images=images if images[0] else None,
                padding=True,
                return_tensors="pt",
            ).to(model.device)
            for i, completion in zip(
                batch, _batch(model, processor, inputs, max_tokens, sampled, temperature, top_p), strict=True
            ):
                results[i] = completion
    model.train(training)
    return [results[i] for i in range(len(wanted))]


def _batch(
    model, processor, inputs, max_tokens: int, sampled: bool, temperature: float, top_p: float
) -> list[Completion]:
    tokenizer = processor.tokenizer
    choice = (
        {"do_sample": True, "temperature": temperature, "top_p": top_p, "top_k": 0} if sampled else {"do_sample": False}
    )
    image_token = getattr(model.config, "image_token_id", None)
    output = model.generate(
        **inputs,
        max_new_tokens=max_tokens,
        suppress_tokens=None if image_token is None else [image_token],
        disable_compile=True,
        **choice,
    )[:, inputs["input_ids"].shape[1] :]
    stops = model.generation_config.eos_token_id
    stops = set(stops if isinstance(stops, list) else [stops])
    completions = []
    for row in output.tolist():
        end = next((position for position, token in enumerate(row) if token in stops), None)
        kept = row[:end]
        text = tokenizer.decode(kept, skip_special_tokens=True)
        completions.append(Completion(text, len(kept) + (end is not None), end is None))
    return completions
