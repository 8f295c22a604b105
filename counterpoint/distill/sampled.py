"""Traces that a teacher samples: any checkpoint, any problems, with or without gold reasoning.

Completions are kept batch by batch in a store of the set's own, named by what they follow from: a killed run goes on
where it stopped and ends in the same bytes, and a changed judge needs no model. The batches are cut from the whole set
beforehand, so that what is missing after a kill is asked in the company in which it would have been asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from counterpoint.evaluation.answers import Decoding, Model, answer
from counterpoint.evaluation.store import Store, generator
from counterpoint.generation.completion import Completion
from counterpoint.problem import Problem, digest
from counterpoint.progress import track
from counterpoint.suites.views import View, views


class Timed(Store):
    """A store that also keeps the seconds of each batch that it is given, from `start`, or from what came before it.

    They are kept first: a batch whose completions a kill prevents is generated again, and was paid twice.
    """

    def __init__(self, path: Path):
        super().__init__(path)
        self._run("create table if not exists batches (completions integer not null, seconds real not null)")
        self.start()

    def start(self) -> None:
        """From now on counts for the next batch."""
        self.since = time.monotonic()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Completion]:
        completions = super().get(keys)
        self.start()
        return completions

    def put(self, keys: Iterable[bytes], completions: Iterable[Completion]) -> None:
        completions = list(completions)
        self._run("insert into batches values (?, ?)", (len(completions), time.monotonic() - self.since))
        super().put(keys, completions)
        self.start()

    def seconds(self) -> float:
        """What all batches took, whichever process generated them."""
        return self._run("select total(seconds) from batches")[0][0]


def identity(weights: str, seed: int) -> str:
    """What the random numbers of a teacher's samples follow from, beside prompt, pictures, decoding and sample index.

    Not from the set: the traces of a smaller sample are those of the same problems in a larger one, for a model whose
    prompts can be shared (`generation.architecture`); others are decoded by transformers' `generate`, batch by batch.
    """
    return f"{weights} {seed}"


def fingerprint(
    weights: str, seed: int, shown: Iterable[View], decoding: Decoding, batch_size: int, threads: int
) -> str:
    """Names the set's store: by weights, prompts, pictures, decoding, batches, threads and the code that generates."""
    asked = [(view.text, [picture.sha256 for picture in view.images]) for view in shown]
    settings = {**decoding.settings(), "samples": decoding.samples}
    return digest(identity(weights, seed), asked, settings, batch_size, threads, generator())


def sample(
    model: Model, problems: Sequence[Problem], instruction: str, decoding: Decoding, batch_size: int, label: str = ""
) -> list[list[Completion]]:
    """For each problem `decoding.samples` completions of the teacher, as training and evaluation ask the problem.

    `model.weights` is its `identity`; what its store has is not generated again. A batch holds the samples of
    `batch_size // samples` problems, at least one, of similar length. With a `label` progress in batches is told.
    """
    shown = views(problems, instruction)
    order = sorted(range(len(problems)), key=lambda i: (len(shown[i].images), len(shown[i].text), shown[i].text, i))
    size = max(1, batch_size // decoding.samples)
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    completions: dict[int, list[Completion]] = {}
    for batch in track(batches, label=label) if label else batches:
        completions.update(zip(batch, answer(model, [shown[i] for i in batch], decoding, batch_size), strict=True))
    return [completions[i] for i in range(len(problems))]
