"""Interrupted runs: the same command goes on, every step stands once, and nothing is trained twice."""

import os
import signal

import pytest
import torch

from counterpoint.training.session import Watch, last_checkpoint

STEPS = {"sft": 6, "rl": 8}


class Killed(Exception):
    """Ends a run where a kill would."""


@pytest.fixture(scope="module")
def settings(sft_settings, rl_settings):
    return {"sft": sft_settings, "rl": rl_settings}


@pytest.fixture(scope="module")
def whole(train, settings, tmp_path_factory):
    return {method: train(settings[method], tmp_path_factory.mktemp(method)) for method in settings}


def at_step(monkeypatch, step, act):
    """Let `act` happen at the end of the given step, after its records but before any checkpoint of it."""
    real = Watch.on_log

    def on_log(self, args, state, control, logs=None, **more):
        real(self, args, state, control, logs=logs, **more)
        if state.global_step == step:
            act()

    monkeypatch.setattr(Watch, "on_log", on_log)


def check(resumed, whole, method):
    assert [row["step"] for row in resumed.tables["steps"]] == list(range(1, STEPS[method] + 1))
    for table in ("rewards", "probes", "probe_items", "completions"):
        assert len(resumed.tables[table]) == len(whole.tables[table])
    problems = [[(c["step"], c["problem_id"]) for c in run.tables["completions"]] for run in (resumed, whole)]
    assert problems[0] == problems[1]
    assert resumed.totals == whole.totals or method == "rl"
    rates = [[row["learning_rate"] for row in run.tables["steps"]] for run in (resumed, whole)]
    assert rates[0] == rates[1]


@pytest.mark.parametrize(("method", "step"), [("sft", 5), ("rl", 8), ("rl", 2)])
def test_a_killed_run_goes_on_from_its_checkpoint(train, settings, whole, tmp_path, monkeypatch, caplog, method, step):
    def kill():
        raise Killed

    with monkeypatch.context() as patch:
        at_step(patch, step, kill)
        with pytest.raises(Killed):
            train(settings[method], tmp_path)
    every = settings[method].checkpoint_every
    kept = (step - 1) // every * every
    found = last_checkpoint(tmp_path)
    assert (found.name if found else None) == (f"checkpoint-{kept}" if kept else None)
    with (tmp_path / "records" / "steps.jsonl").open("a") as file:
        file.write('{"run_id": "run-micro-16-0", "step": 7, "lo')  # the disk got no further
    with caplog.at_level("INFO"):
        resumed = train(settings[method], tmp_path)
    assert "1 unreadable" in caplog.text
    assert ("resuming at step" in caplog.text) == bool(kept)
    check(resumed, whole[method], method)
    # the checkpoint holds weights, optimizer, schedule and random state: the same run, to the bit
    assert all(torch.equal(resumed.weights[key], value) for key, value in whole[method].weights.items())


@pytest.mark.parametrize("method", ["sft", "rl"])
def test_a_killed_lora_run_goes_on_with_its_adapter(train, settings, tmp_path, monkeypatch, method):
    def kill():
        raise Killed

    lora = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj"], "vision_tower": False}
    uninterrupted = train(settings[method], tmp_path / "whole", probed=False, lora=lora)
    with monkeypatch.context() as patch:
        at_step(patch, 5, kill)
        with pytest.raises(Killed):
            train(settings[method], tmp_path / "killed", probed=False, lora=lora)
    resumed = train(settings[method], tmp_path / "killed", probed=False, lora=lora)
    assert [row["step"] for row in resumed.tables["steps"]] == list(range(1, STEPS[method] + 1))
    assert all(torch.equal(resumed.weights[key], value) for key, value in uninterrupted.weights.items())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_step_and_ends_the_run(train, settings, whole, tmp_path, monkeypatch, number):
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        at_step(patch, 3, lambda: os.kill(os.getpid(), number))
        with pytest.raises(KeyboardInterrupt):
            train(settings["sft"], tmp_path)
    assert signal.getsignal(number) is before
    assert last_checkpoint(tmp_path).name == "checkpoint-4"
    check(train(settings["sft"], tmp_path), whole["sft"], "sft")


@pytest.mark.parametrize("method", ["sft", "rl"])
def test_a_finished_run_started_again_trains_nothing_more(train, settings, tmp_path, method):
    first = train(settings[method], tmp_path)
    again = train(settings[method], tmp_path)
    assert all(torch.equal(first.weights[key], again.weights[key]) for key in first.weights)
    for table in ("steps", "rewards", "probes", "probe_items", "completions"):
        assert again.tables[table] == first.tables[table]
    assert again.totals == first.totals


def test_an_incomplete_checkpoint_is_left_out(tmp_path):
    for step, state in ((9, "{}"), (10, "{}"), (11, '{"global_'), (12, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path).name == "checkpoint-10"
    assert last_checkpoint(tmp_path / "elsewhere") is None
