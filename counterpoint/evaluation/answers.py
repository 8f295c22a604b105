"""Answers of one model: from the store where they are known, else generated; the model is loaded when first needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from counterpoint.evaluation.store import Store, content, key
from counterpoint.generation.completion import Completion, Decoding
from counterpoint.problem import digest
from counterpoint.suites.views import View


@dataclass
class Model:
    """A checkpoint: the digest of its weights, and how to load it as (model, processor)."""

    weights: str
    load: Callable[[], tuple[Any, Any]]
    store: Store | None = None
    generated: int = 0  # completions that were not in the store
    _loaded: tuple[Any, Any] | None = field(default=None, repr=False)

    @property
    def loaded(self) -> tuple[Any, Any]:
        """Model and processor."""
        if self._loaded is None:
            self._loaded = self.load()
        return self._loaded


def answer(
    model: Model, views: Sequence[View], decoding: Decoding, batch_size: int, label: str = ""
) -> list[list[Completion]]:
    """For each view its completions, one a sample index. What is in the store is not generated again.

    A sample's random numbers follow from weights, view and index alone, so the n-th of 8 is the n-th of 64; but not
    where a model is decoded by transformers' own `generate`, which draws for a whole batch.
    """
    wanted = [(view, index) for view in views for index in decoding.indices]
    settings = decoding.settings()
    contents = [content(model.weights, view, settings, index) for view, index in wanted]
    keys = [key(text) for text in contents]
    completions = model.store.get(keys) if model.store else {}
    first = {keys[i]: i for i in reversed(range(len(keys)))}  # one generation a key, however often it is wanted
    missing = [i for i, k in enumerate(keys) if k not in completions and first[k] == i]
    if missing:
        loaded = model.loaded
        from counterpoint.generation.decode import generate  # torch: not needed where all is known

        def keep(indices: list[int], batch: list[Completion]) -> None:
            done = [keys[missing[index]] for index in indices]
            completions.update(zip(done, batch, strict=True))
            if model.store:
                model.store.put(done, batch)

        generate(
            *loaded,
            [wanted[i][0] for i in missing],
            decoding,
            batch_size,
            seed=[int(digest(contents[i].hex()), 16) for i in missing],
            label=label,
            done=keep,
        )
        model.generated += len(missing)
    each = len(decoding.indices)
    return [[completions[k] for k in keys[start : start + each]] for start in range(0, len(keys), each)]
