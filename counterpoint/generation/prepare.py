"""Prompts ready for a model, made once: chat text tokenised, pictures decoded and preprocessed, kept by key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from counterpoint.generation import architecture
from counterpoint.generation.prompts import Prompts, build

Key = TypeVar("Key", bound=Hashable)


class Preparer:
    """Prompts of one model and processor; at most `limit` bytes, the least recently used go first."""

    def __init__(self, model, processor, limit: int = 1 << 28):
        self.parts, self.processor, self.limit, self.size = architecture.parts(model), processor, limit, 0
        self.made: OrderedDict[Hashable, Prompts] = OrderedDict()

    def get(self, keys: Sequence[Key], show: Callable[[list[Key]], list[tuple[str, list[Any]]]]) -> Prompts:
        """The prompts of `keys`, in order. `show` gives the chat text and the pictures of each key not seen before."""
        missing = [key for key in dict.fromkeys(keys) if key not in self.made]
        shown = list(zip(missing, show(missing), strict=True)) if missing else []
        for pictured in (False, True):  # a processor takes no batch in which only some have pictures
            alike = [(key, pair) for key, pair in shown if bool(pair[1]) == pictured]
            if alike:
                made = self._build([pair for _, pair in alike])
                for place, (key, _) in enumerate(alike):
                    self.made[key] = made.select([place])
                    self.size += _bytes(self.made[key])
        for key in keys:
            self.made.move_to_end(key)
        found = [self.made[key] for key in keys]
        while self.size > self.limit and len(self.made) > 1:
            self.size -= _bytes(self.made.popitem(last=False)[1])
        return Prompts(*([getattr(one, name)[0] for one in found] for name in vars(found[0])))

    def _build(self, shown: list[tuple[str, list[Any]]]) -> Prompts:
        texts, pictures = [text for text, _ in shown], [images for _, images in shown]
        # the chat template has placed any token of its own, such as one for the beginning
        output = self.processor(
            text=texts, images=pictures if pictures[0] else None, add_special_tokens=False, padding=False
        )
        fields = {key: value for key, value in output.items() if key not in ("input_ids", "attention_mask")}
        return build(self.parts, output["input_ids"], [len(images) for images in pictures], fields)


def _bytes(one: Prompts) -> int:
    pixels = 0 if one.pixels[0] is None else one.pixels[0].untyped_storage().nbytes()
    return pixels + one.ids[0].nbytes + one.positions[0].nbytes
