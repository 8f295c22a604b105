"""Interrupted runs: whatever kills a run and wherever, the same command ends with the uninterrupted run's very bits."""

import dataclasses
import multiprocessing
import os
import random
import signal
from collections import Counter

import pytest
from accelerate import Accelerator
from hypothesis import HealthCheck, Phase, given, note
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from transformers import Trainer, TrainerState
from trl import GRPOTrainer

from counterpoint.models import manifest
from counterpoint.training import best_checkpoint
from counterpoint.training.records import Recorder
from counterpoint.training.session import RunCallback
from tests.counterpoint.training.bits import differing

NAMES = [f"{method}{kind}" for method in ("sft", "rl") for kind in ("", " lora", " still", " stock", " best")]
NAMES.append("rl lora best")


class Killed(BaseException):
    """Ends a run where a kill would; nothing catches it."""


def half_written(real, checkpoint, **told):
    """Half of the manifest, with which a checkpoint would have been complete."""
    real(checkpoint, **told)
    os.truncate(checkpoint / manifest.NAME, (checkpoint / manifest.NAME).stat().st_size // 2)


def half_recorded(real, self, table, *rows):
    """Half of the rows, the last of them half a line."""
    real(self, table, *rows[: len(rows) // 2])
    with (self.folder / f"{table}.jsonl").open("a") as file:
        file.write('{"run_id": "run-micro-16-0", "step": 1, "comp')


def half_kept(real, model, work, step):
    """The weights of the best probe so far, cut off."""
    (work / best_checkpoint.FOLDER).mkdir(exist_ok=True)
    (work / best_checkpoint.FOLDER / f"{step}.new").write_bytes(b"half")


# where a run dies: the call that does not return, and what it leaves behind
PLACES = {
    "generated, not yet recorded": (GRPOTrainer, "_calculate_rewards", None),
    "while recording": (Recorder, "add", half_recorded),
    "before the backward pass": (Accelerator, "backward", None),
    "after the optimizer's step": (RunCallback, "on_step_end", None),
    "recorded, not yet saved": (RunCallback, "on_log", lambda real, *args, **more: real(*args, **more)),
    "only the weights are saved": (Trainer, "_save_optimizer_and_scheduler", None),
    "all but the random state is saved": (Trainer, "_save_rng_state", None),
    "all but the trainer's state is saved": (TrainerState, "save_to_json", None),
    "the trainer has saved, no manifest says so": (manifest, "write", None),
    "the checkpoint's last file is half written": (manifest, "write", half_written),
    "a checkpoint is saved, older ones not yet removed": (manifest, "rotate", None),
}
PLACES_OF_BEST = {
    "the best weights are half written": (best_checkpoint, "keep_weights", half_kept),
    "the best weights are kept, no checkpoint knows of them": (
        best_checkpoint,
        "keep_weights",
        lambda real, *given: real(*given),
    ),
    "a checkpoint is saved, older best weights not yet removed": (best_checkpoint, "drop_unused_weights", None),
}


@dataclasses.dataclass(frozen=True)
class Death:
    """Of a process: at this place, once it has begun so many optimizer steps, after some more calls of the place."""

    place: str
    steps: int
    more: int

    def prepare(self, patch) -> None:
        """Let the run die so."""
        owner, name, last_words = (PLACES | PLACES_OF_BEST)[self.place]
        real, real_begin, seen = getattr(owner, name), RunCallback.on_step_begin, Counter()

        def begin(*args, **others):
            seen["steps"] += 1
            return real_begin(*args, **others)

        def call(*args, **others):
            seen["calls"] += seen["steps"] >= self.steps
            if seen["calls"] <= self.more:
                return real(*args, **others)
            if last_words:
                last_words(real, *args, **others)
            raise Killed

        patch.setattr(RunCallback, "on_step_begin", begin)
        patch.setattr(owner, name, call)


def deaths(name: str, seed: int, many: int) -> tuple[list[Death], int]:
    """So many, each at another place, in some order, and the interval of checkpoints."""
    draw = random.Random(f"{name} {seed}")
    places = [place for place in PLACES if "rl" in name or "generated" not in place]
    places += PLACES_OF_BEST if name.endswith("best") else []
    found = [Death(place, draw.randint(1, 4), draw.randint(0, 1)) for place in draw.sample(places, many)]
    return found, draw.randint(1, 3)


def killed_and_resumed(run, name: str, work, seed: int, many: int) -> dict:
    """Let the run die again and again, then go on to its end."""
    planned, every = deaths(name, seed, many)
    died, resumed = [], set()
    for death in planned:
        with pytest.MonkeyPatch.context() as patch:
            death.prepare(patch)
            try:
                run(name, work, every)
            except Killed:
                died.append(death)
                resumed.add(manifest.newest(work)[0])
    note(f"checkpoints every {every} steps; died {died}, resumed from {resumed}")
    assert len(died) > 1 and resumed != {None}  # or too little was tried
    return run(name, work, every)


def seeds(examples: int):
    """A property of `seed`, checked for as many of them, the same each time."""
    checked = hypothesis_settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    return lambda test: checked(given(seed=st.integers(0, 2**32))(test))


def test_what_is_best_here_is_neither_the_first_nor_the_last(whole):
    assert (whole("sft best")["totals"]["checkpoint_step"], whole("rl best")["totals"]["checkpoint_step"]) == (6, 14)
    assert whole("rl best")["kept"] == "14.safetensors"


@pytest.mark.parametrize("name", ["sft", "rl lora best"])
@seeds(1)
def test_a_run_that_dies_again_and_again_ends_the_same_to_the_bit(run, whole, tmp_path_factory, name, seed):
    found = killed_and_resumed(run, name, tmp_path_factory.mktemp("killed"), seed, many=4)
    assert differing(found, whole(name)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@seeds(6)
def test_wherever_a_run_dies_it_ends_the_same_to_the_bit(run, whole, tmp_path_factory, name, seed):
    found = killed_and_resumed(run, name, tmp_path_factory.mktemp("killed"), seed, many=8)
    assert differing(found, whole(name)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@seeds(3)
def test_a_run_killed_by_the_system_ends_the_same_to_the_bit(run, whole, tmp_path_factory, name, seed):
    """SIGKILL, at any moment: nothing is caught, flushed or removed."""
    expected, work, draw = whole(name), tmp_path_factory.mktemp("killed"), random.Random(seed)
    context, codes = multiprocessing.get_context("fork"), []
    while not codes or codes[-1]:
        child = context.Process(target=run, args=(name, work, draw.randint(1, 3)))
        child.start()
        child.join(draw.uniform(0.1, 3))
        child.kill()
        child.join()
        codes.append(child.exitcode)
        assert codes[-1] in (0, -signal.SIGKILL)
    note(f"exit codes {codes}")
    assert differing(run(name, work), expected) == []


@pytest.mark.parametrize(("number", "name"), [(signal.SIGTERM, "rl"), (signal.SIGINT, "sft lora")])
def test_a_signal_saves_the_step_and_ends_the_run(run, whole, tmp_path, monkeypatch, number, name):
    """Before the first checkpoint is due and, in RL, in the middle of a generation cycle."""
    real, before = RunCallback.on_log, signal.getsignal(number)

    def on_log(self, args, state, control, **more):
        real(self, args, state, control, **more)
        if state.global_step == 1:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(RunCallback, "on_log", on_log)
        with pytest.raises(KeyboardInterrupt):
            run(name, tmp_path, every=9)
    assert signal.getsignal(number) is before
    assert manifest.newest(tmp_path)[0].name == "checkpoint-2"
    assert differing(run(name, tmp_path, every=9), whole(name)) == []


@pytest.mark.parametrize(
    "name", ["sft lora", *(pytest.param(name, marks=pytest.mark.slow) for name in ("rl", "sft best"))]
)
def test_a_finished_run_started_again_trains_nothing_more(run, whole, tmp_path, monkeypatch, name):
    run(name, tmp_path, every=50)
    monkeypatch.setattr(Accelerator, "backward", None)
    assert differing(run(name, tmp_path, every=50), whole(name)) == []
