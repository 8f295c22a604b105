"""A clock for the stage that makes traces, by which the seconds that it tells can be foretold."""

from types import SimpleNamespace

from counterpoint.distill import sampled
from counterpoint.generation import decode
from counterpoint.models import checkpoint
from stages import distill

BATCH, LOADING = 8.0, 1000.0


class Clock:
    """A clock by which a batch takes `BATCH` seconds, loading a model `LOADING`, and everything else none."""

    def __init__(self, monkeypatch):
        self.now, self.loaded = 500.0, 0
        shared, load = decode._shared, checkpoint.load

        def generated(*arguments):
            self.now += BATCH
            return shared(*arguments)

        def loaded(*arguments):
            self.now, self.loaded = self.now + LOADING, self.loaded + 1
            return load(*arguments)

        monkeypatch.setattr(decode, "_shared", generated)
        monkeypatch.setattr(checkpoint, "load", loaded)
        for module in (distill, sampled):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
