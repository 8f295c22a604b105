"""Distinct prompts, tokenised and with their pictures as tensors: what a shared prefix is computed from.

`Preparer` makes them and keeps them by key. A picture may be far larger than what a processor makes of it. So a batch's
are decoded a few at a time, and only what the processor made of them stays: what the model sees is the same, for a
processor takes each picture by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import torch

from counterpoint.generation import architecture
from counterpoint.generation.architecture import FIELDS, Parts
from counterpoint.problem import Picture

Key = TypeVar("Key", bound=Hashable)
DECODED = 1 << 26  # bytes of pixels that a processor is given at a time


@dataclass(frozen=True)
class Prompts:
    """N prompts. `ids`: N tensors (length,), unpadded; `positions`: N tensors (length,) or, with multimodal rotary
    positions, (3, length); `pixels`: N tensors of the rows of pixel_values that belong to a prompt, or None;
    `grids`: N tensors (pictures, 3), for the Qwen family alone."""

    ids: list[torch.Tensor]
    positions: list[torch.Tensor]
    pixels: list[torch.Tensor | None]
    grids: list[torch.Tensor | None]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> list[int]:
        return [len(ids) for ids in self.ids]

    @property
    def following(self) -> list[int]:
        """The rotary position of the token after each prompt."""
        return [int(positions.max()) + 1 for positions in self.positions]

    def select(self, rows: Sequence[int]) -> Prompts:
        """Some of the prompts, in the order of `rows`."""
        return Prompts(*([column[row] for row in rows] for column in vars(self).values()))


def joined(parts: Iterable[Prompts]) -> Prompts:
    """The prompts of all the parts, in their order."""
    return Prompts(
        *(list(chain.from_iterable(columns)) for columns in zip(*(vars(p).values() for p in parts), strict=True))
    )


def build(parts: Parts, ids: Sequence[Sequence[int]], pictures: Sequence[int], fields: Mapping[str, Any]) -> Prompts:
    """Prompts from what a processor returned for all of them: `ids` unpadded, `pictures` the number of pictures of
    each, `fields` the rest (pixel_values, image_grid_thw, mm_token_type_ids). Raises `ValueError` for other fields."""
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise ValueError(f"fields that a shared prefix does not know: {', '.join(unknown)}")
    device = parts.decoder.embed_tokens.weight.device
    rows = [torch.as_tensor(row, dtype=torch.long, device=device) for row in ids]
    grids = pixels = [None] * len(rows)
    if fields.get("pixel_values") is not None:
        values = fields["pixel_values"]
        values = torch.as_tensor(values if torch.is_tensor(values) else np.array(values), device=device)
        sizes = list(pictures)
        if fields.get("image_grid_thw") is not None:
            grid = torch.as_tensor(fields["image_grid_thw"], device=device)
            grids = [part if len(part) else None for part in grid.split(list(pictures))]
            sizes = [0 if part is None else int(part.prod(-1).sum()) for part in grids]
        pixels = [part.clone() if len(part) else None for part in values.split(sizes)]  # each may outlive the others
    positions = [_positions(parts, row, grid) for row, grid in zip(rows, grids, strict=True)]
    return Prompts(rows, positions, pixels, grids)


def _positions(parts: Parts, ids: torch.Tensor, grid: torch.Tensor | None) -> torch.Tensor:
    if not hasattr(parts.inner, "get_rope_index"):
        return torch.arange(len(ids), device=ids.device)
    if grid is None:
        return torch.arange(len(ids), device=ids.device).expand(3, -1)
    kinds = (ids == parts.image_token).int()
    positions, _ = parts.inner.get_rope_index(ids[None], mm_token_type_ids=kinds[None], image_grid_thw=grid)
    return positions[:, 0]


def features(parts: Parts, prompts: Prompts) -> list[torch.Tensor | None]:
    """The picture features of each prompt, (image tokens, width); the vision tower runs once over all pictures."""
    pictured = [row for row, pixels in enumerate(prompts.pixels) if pixels is not None]
    by_prompt: list[torch.Tensor | None] = [None] * len(prompts)
    if not pictured:
        return by_prompt
    pixels = torch.cat([prompts.pixels[row] for row in pictured])
    if prompts.grids[pictured[0]] is None:
        output = parts.model.get_image_features(pixel_values=pixels, return_dict=True)
        counts = [len(prompts.pixels[row]) for row in pictured]
    else:
        grid = torch.cat([prompts.grids[row] for row in pictured])
        output = parts.model.get_image_features(pixel_values=pixels, image_grid_thw=grid, return_dict=True)
        counts = [len(prompts.grids[row]) for row in pictured]
    pictures = list(output.pooler_output)
    for row, count in zip(pictured, counts, strict=True):
        by_prompt[row], pictures = torch.cat(pictures[:count]), pictures[count:]
    return by_prompt


def embed(parts: Parts, prompts: Prompts, pictures: Sequence[torch.Tensor | None], then: torch.Tensor) -> torch.Tensor:
    """The flat row (tokens, width) of all prompts, their pictures in place, and of the token ids `then` after it.

    pictures: the features of each prompt's, as `features` gives them. Raises `ValueError` when a prompt's image tokens
    and its picture features differ in number.
    """
    ids = torch.cat(prompts.ids)
    for row, of_prompt in zip(prompts.ids, pictures, strict=True):
        tokens, number = int((row == parts.image_token).sum()), 0 if of_prompt is None else len(of_prompt)
        if tokens != number:
            raise ValueError(f"{tokens} image tokens in a prompt whose pictures give {number}")
    hidden = parts.model.get_input_embeddings()(torch.cat([ids, then]))
    given = [of_prompt for of_prompt in pictures if of_prompt is not None]
    if given:
        in_place = torch.cat([ids == parts.image_token, torch.zeros_like(then, dtype=torch.bool)])
        hidden = hidden.masked_scatter(in_place.unsqueeze(1), torch.cat(given).to(hidden.dtype))
    return hidden


def decoded(
    prompts: Iterable[tuple[Any, Sequence[Any]]], limit: int = DECODED
) -> Iterator[list[tuple[Any, list[Any]]]]:
    """Prompts with their pictures, in parts: those that are a `Picture` are decoded, until they fill `limit` bytes."""
    part, size = [], 0
    for prompt, pictures in prompts:
        images = []
        for picture in pictures:
            if isinstance(picture, Picture):
                picture = picture.decode()
                size += 3 * picture.width * picture.height
            images.append(picture)
        part.append((prompt, images))
        if size >= limit:
            yield part
            part, size = [], 0
    if part:
        yield part


class Preparer:
    """Prompts of one model and processor; at most `limit` bytes, the least recently used go first."""

    def __init__(self, model, processor, limit: int = 1 << 28):
        self.parts, self.processor, self.limit, self.size = architecture.parts(model), processor, limit, 0
        self.made: OrderedDict[Hashable, Prompts] = OrderedDict()

    def get(self, keys: Sequence[Key], show: Callable[[list[Key]], list[tuple[str, Sequence[Any]]]]) -> Prompts:
        """The prompts of `keys`, in order. `show` gives the chat text and the pictures of each key not seen before,
        each a `Picture` or a Pillow image."""
        missing = [key for key in dict.fromkeys(keys) if key not in self.made]
        prompts = list(zip(missing, show(missing), strict=True)) if missing else []
        for pictured in (False, True):  # a processor takes no batch in which only some have pictures
            alike = (((key, text), pictures) for key, (text, pictures) in prompts if bool(pictures) == pictured)
            for part in decoded(alike):
                made = self._build([text for (_, text), _ in part], [images for _, images in part])
                for row, ((key, _), _) in enumerate(part):
                    self.made[key] = made.select([row])
                    self.size += _bytes(self.made[key])
        for key in keys:
            self.made.move_to_end(key)
        wanted = [self.made[key] for key in keys]
        while self.size > self.limit and len(self.made) > 1:
            self.size -= _bytes(self.made.popitem(last=False)[1])
        return joined(wanted)

    def _build(self, texts: list[str], pictures: list[list[Any]]) -> Prompts:
        # the chat template has placed any token of its own, such as one for the beginning
        output = self.processor(
            text=texts, images=pictures if pictures[0] else None, add_special_tokens=False, padding=False
        )
        fields = {key: value for key, value in output.items() if key not in ("input_ids", "attention_mask")}
        return build(self.parts, output["input_ids"], [len(images) for images in pictures], fields)


def _bytes(prompt: Prompts) -> int:
    pixels = 0 if prompt.pixels[0] is None else prompt.pixels[0].untyped_storage().nbytes()
    return pixels + prompt.ids[0].nbytes + prompt.positions[0].nbytes
