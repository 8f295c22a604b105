"""Distinct prompts, tokenised and with their pictures as tensors: what a shared prefix is computed from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch

from counterpoint.generation.architecture import FIELDS, Parts


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
    shown = [row for row, pixels in enumerate(prompts.pixels) if pixels is not None]
    found: list[torch.Tensor | None] = [None] * len(prompts)
    if not shown:
        return found
    pixels = torch.cat([prompts.pixels[row] for row in shown])
    if prompts.grids[shown[0]] is None:
        output = parts.model.get_image_features(pixel_values=pixels, return_dict=True)
        counts = [len(prompts.pixels[row]) for row in shown]
    else:
        grid = torch.cat([prompts.grids[row] for row in shown])
        output = parts.model.get_image_features(pixel_values=pixels, image_grid_thw=grid, return_dict=True)
        counts = [len(prompts.grids[row]) for row in shown]
    pictures = list(output.pooler_output)
    for row, count in zip(shown, counts, strict=True):
        found[row], pictures = torch.cat(pictures[:count]), pictures[count:]
    return found


def embed(parts: Parts, prompts: Prompts, seen: Sequence[torch.Tensor | None], then: torch.Tensor) -> torch.Tensor:
    """The flat row (tokens, width) of all prompts, their pictures in place, and of the token ids `then` after it.

    Raises `ValueError` when a prompt's image tokens and its picture features differ in number.
    """
    ids = torch.cat(prompts.ids)
    for row, found in zip(prompts.ids, seen, strict=True):
        tokens = int((row == parts.image_token).sum())
        if tokens != (0 if found is None else len(found)):
            raise ValueError(
                f"{tokens} image tokens in a prompt whose pictures give {0 if found is None else len(found)}"
            )
    hidden = parts.model.get_input_embeddings()(torch.cat([ids, then]))
    shown = [found for found in seen if found is not None]
    if shown:
        pictures = torch.cat([ids == parts.image_token, torch.zeros_like(then, dtype=torch.bool)])
        hidden = hidden.masked_scatter(pictures.unsqueeze(1), torch.cat(shown).to(hidden.dtype))
    return hidden
