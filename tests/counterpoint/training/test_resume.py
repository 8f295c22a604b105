"""Interrupted runs: whatever kills a run and wherever, the same command ends with the uninterrupted run's very bits."""

import dataclasses
import multiprocessing
import os
import random
import signal
from collections import Counter

import pytest
import torch
import transformers.trainer
from accelerate import Accelerator
from hypothesis import HealthCheck, Phase, given, note
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from transformers import Trainer, TrainerState
from trl import GRPOTrainer

from counterpoint.training import choice, kept
from counterpoint.training.records import Recorder
from counterpoint.training.session import Watch, last_checkpoint

LORA = {"rank": 4, "alpha": 8, "dropout": 0.2, "targets": ["q_proj", "v_proj"], "vision_tower": False}


NAMES = [f"{method}{kind}" for method in ("sft", "rl") for kind in ("", " lora", " still", " stock", " best")]
NAMES.append("rl lora best")


class Killed(BaseException):
    """Ends a run where a kill would; nothing catches it."""


def half_written(real, self, path):
    """Half of trainer_state.json, with which a checkpoint would have been complete."""
    real(self, path)
    with open(path, "r+") as file:
        file.truncate(len(file.read()) // 2)


def half_recorded(real, self, table, *rows):
    """Half of the rows, the last of them half a line."""
    real(self, table, *rows[: len(rows) // 2])
    with (self.folder / f"{table}.jsonl").open("a") as file:
        file.write('{"run_id": "run-micro-16-0", "step": 1, "comp')


def half_kept(real, model, work, step):
    """The weights of the best probe so far, cut off."""
    (work / kept.FOLDER).mkdir(exist_ok=True)
    (work / kept.FOLDER / f"{step}.new").write_bytes(b"half")


# where a run dies: the call that does not return, and what it leaves behind
PLACES = {
    "generated, not yet recorded": (GRPOTrainer, "_calculate_rewards", None),
    "while recording": (Recorder, "add", half_recorded),
    "before the backward pass": (Accelerator, "backward", None),
    "after the optimizer's step": (Watch, "on_step_end", None),
    "recorded, not yet saved": (Watch, "on_log", lambda real, *args, **more: real(*args, **more)),
    "only the weights are saved": (Trainer, "_save_optimizer_and_scheduler", None),
    "all but the random state is saved": (Trainer, "_save_rng_state", None),
    "the checkpoint's last file is half written": (TrainerState, "save_to_json", half_written),
    "a checkpoint is saved, older ones not yet removed": (transformers.trainer, "rotate_checkpoints", None),
}
PLACES_OF_BEST = {
    "the best weights are half written": (kept, "keep", half_kept),
    "the best weights are kept, no checkpoint knows of them": (kept, "keep", lambda real, *given: real(*given)),
    "a checkpoint is saved, older best weights not yet removed": (kept, "drop_others", None),
}


@pytest.fixture(scope="module")
def settings(sft_settings, rl_settings):
    """What trains, and with which adapter: over two epochs and into a third, through cycles that checkpoints cut.

    With dropout the shared engine steps aside; with an adapter and none it keeps the pictures' features.
    """
    rl = dataclasses.replace(
        rl_settings, epochs=2.5, batch_size=4, group_size=2, gradient_accumulation=2, steps_per_generation=2,
        num_iterations=2, max_completion_tokens=4, beta=0.1, loss_type="grpo",
    )  # fmt: skip
    sft = dataclasses.replace(sft_settings, epochs=2.5, batch_size=2)
    still = {**LORA, "dropout": 0.0}
    return {
        "sft": (sft, None),
        "sft lora": (sft, LORA),
        "sft still": (sft, still),
        "sft stock": (dataclasses.replace(sft, engine="stock"), None),
        "rl": (rl, None),
        "rl lora": (rl, LORA),
        "rl still": (rl, still),
        "rl stock": (dataclasses.replace(rl, engine="stock"), None),
        "sft best": (sft, None),
        "rl best": (rl, None),
        "rl lora best": (rl, LORA),
    }


@pytest.fixture(scope="module")
def run(train, settings, problems):
    """`run(name, work)`: one of `settings` on 9 problems, 13 steps of SFT or 20 of RL; everything that came of it."""

    def go(name, work, every=9):
        section, lora = settings[name]
        section = dataclasses.replace(section, checkpoint_every=every)
        if not name.endswith("best"):
            return outcome(train(section, work, lora=lora, data=problems[:9]), work)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(choice, "greedy", ups_and_downs)
            return outcome(train(section, work, lora=lora, data=problems[:9], every=2, rule="best"), work)

    return go


def ups_and_downs(probes, suite, real=choice.greedy) -> dict[int, dict]:
    """The probes' rows with accuracies that are highest at step 6 of SFT and 14 of RL, and better at each before."""
    return {step: {**row, "accuracy": step * 7 % 11 / 11} for step, row in real(probes, suite).items()}


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    """`whole(name)`: the uninterrupted run."""
    found = {}

    def get(name):
        if name not in found:
            found[name] = run(name, tmp_path_factory.mktemp("whole"))
        return found[name]

    return get


def outcome(result, work) -> dict:
    """All that a run leaves but for times: weights, last checkpoint and records, as one flat mapping."""
    found = {f"weights {key}": value for key, value in result.weights.items()}
    last = last_checkpoint(work)
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        found |= flat(torch.load(last / name, weights_only=False), name)
    found["resume.json"] = (last / "resume.json").read_text()
    found["kept"] = " ".join(path.name for path in (work / kept.FOLDER).glob("*"))
    tables = dict(result.tables)
    timings = tables.pop("timings")  # one of the whole run for each time that it came to its end, the others once
    found["timed"] = Counter((row["phase"], row["step"]) for row in timings if row["step"] is not None)
    return {**found, "last": last.name, "totals": result.totals, **flat(tables, "")}


def flat(value, key: str) -> dict:
    """The leaves of nested mappings and sequences; arrays as tensors."""
    if isinstance(value, dict):
        return {k: v for name, item in value.items() for k, v in flat(item, f"{key} {name}").items()}
    if isinstance(value, list | tuple):
        return {k: v for i, item in enumerate(value) for k, v in flat(item, f"{key} {i}").items()}
    return {key: value if isinstance(value, str | int | float | torch.Tensor | None) else torch.tensor(value)}


def differing(one: dict, other: dict) -> list[str]:
    """What is not the same to the bit."""

    def equal(a, b):
        return torch.equal(a, b) and a.dtype == b.dtype if isinstance(a, torch.Tensor) else a == b

    assert one.keys() == other.keys()
    return [key for key in one if not equal(one[key], other[key])]


@dataclasses.dataclass(frozen=True)
class Death:
    """Of a process: at this place, once it has begun so many optimizer steps, after some more calls of the place."""

    place: str
    steps: int
    more: int

    def prepare(self, patch) -> None:
        """Let the run die so."""
        owner, name, last_words = (PLACES | PLACES_OF_BEST)[self.place]
        real, real_begin, seen = getattr(owner, name), Watch.on_step_begin, Counter()

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

        patch.setattr(Watch, "on_step_begin", begin)
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
                resumed.add(last_checkpoint(work))
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


@pytest.mark.parametrize("name", ["sft", "sft lora", "rl", "rl lora", "rl lora best"])
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
    real, before = Watch.on_log, signal.getsignal(number)

    def on_log(self, args, state, control, **more):
        real(self, args, state, control, **more)
        if state.global_step == 1:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(Watch, "on_log", on_log)
        with pytest.raises(KeyboardInterrupt):
            run(name, tmp_path, every=9)
    assert signal.getsignal(number) is before
    assert last_checkpoint(tmp_path).name == "checkpoint-2"
    assert differing(run(name, tmp_path, every=9), whole(name)) == []


@pytest.mark.parametrize("name", ["sft lora", "rl", "sft best"])
def test_a_finished_run_started_again_trains_nothing_more(run, whole, tmp_path, monkeypatch, name):
    run(name, tmp_path, every=50)
    monkeypatch.setattr(Accelerator, "backward", None)
    assert differing(run(name, tmp_path, every=50), whole(name)) == []
