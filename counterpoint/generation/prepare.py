"""Prompts ready for a model, made once: chat text tokenised, pictures decoded and preprocessed, kept by key.

A picture may be far larger than what a processor makes of it. So a batch's are decoded a few at a time, and only what
the processor made of them stays: what the model sees is the same, for a processor takes each picture by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from counterpoint.generation import architecture
from counterpoint.generation.prompts import Prompts, build, joined
from counterpoint.problem import Picture

Key = TypeVar("Key", bound=Hashable)
DECODED = 1 << 26  # bytes of pixels that a processor is given at a time


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
        shown = list(zip(missing, show(missing), strict=True)) if missing else []
        for pictured in (False, True):  # a processor takes no batch in which only some have pictures
            alike = (((key, text), pictures) for key, (text, pictures) in shown if bool(pictures) == pictured)
            for part in decoded(alike):
                made = self._build([text for (_, text), _ in part], [images for _, images in part])
                for place, ((key, _), _) in enumerate(part):
                    self.made[key] = made.select([place])
                    self.size += _bytes(self.made[key])
        for key in keys:
            self.made.move_to_end(key)
        found = [self.made[key] for key in keys]
        while self.size > self.limit and len(self.made) > 1:
            self.size -= _bytes(self.made.popitem(last=False)[1])
        return joined(found)

    def _build(self, texts: list[str], pictures: list[list[Any]]) -> Prompts:
        # the chat template has placed any token of its own, such as one for the beginning
        output = self.processor(
            text=texts, images=pictures if pictures[0] else None, add_special_tokens=False, padding=False
        )
        fields = {key: value for key, value in output.items() if key not in ("input_ids", "attention_mask")}
        return build(self.parts, output["input_ids"], [len(images) for images in pictures], fields)


def _bytes(one: Prompts) -> int:
    pixels = 0 if one.pixels[0] is None else one.pixels[0].untyped_storage().nbytes()
    return pixels + one.ids[0].nbytes + one.positions[0].nbytes
