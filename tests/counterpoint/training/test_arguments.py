"""report_to: what a run logs reaches the tracker, and the run is the same without it."""

import dataclasses
from importlib.util import find_spec

import pytest
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from counterpoint.errors import UserError
from counterpoint.params.schema import Tracker
from counterpoint.training import arguments


class Stub(TrainerCallback):
    """Stands in for TensorBoard's callback."""

    logged: dict[int, dict]
    run_name: str

    def on_train_begin(self, args, state, control, **_):
        Stub.logged, Stub.run_name = {}, args.run_name

    def on_log(self, args, state, control, logs=None, **_):
        Stub.logged.setdefault(state.global_step, {}).update(logs)


@pytest.fixture(scope="module")
def short(sft_settings, rl_settings):
    """By method two optimizer steps."""
    return {"sft": dataclasses.replace(sft_settings, epochs=0.5), "rl": dataclasses.replace(rl_settings, epochs=0.5)}


@pytest.mark.parametrize("method", ["sft", "rl"])
def test_a_tracker_gets_what_is_logged_and_changes_nothing(train, short, tmp_path, monkeypatch, method):
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "tensorboard", Stub)
    plain = train(short[method], tmp_path / "plain")
    tracked = train(short[method], tmp_path / "tracked", report_to="tensorboard")
    assert Stub.run_name == "run-micro-16-0"
    assert [Stub.logged[row["step"]]["loss"] for row in plain.tables["steps"]] == [
        row["loss"] for row in tracked.tables["steps"]
    ]
    del plain.tables["timings"], tracked.tables["timings"]
    assert tracked.tables == plain.tables
    assert all(value.equal(tracked.weights[name]) for name, value in plain.weights.items())


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_tensorboard_writes_into_the_work_folder(train, short, tmp_path):
    train(short["sft"], tmp_path, report_to="tensorboard")
    assert list((tmp_path / "runs").rglob("events.out.tfevents.*"))


def test_a_tracker_that_is_not_installed_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(arguments, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"report_to is trackio, which is not installed; run `pip install trackio`"
    ) as e:
        arguments.check_tracker("trackio")
    assert "\n" not in str(e.value)


def test_every_choice_is_known_to_transformers():
    for name in Tracker.__args__:
        if name == "none":
            arguments.check_tracker(name)
        else:
            assert name in integration_utils.INTEGRATION_TO_CALLBACK
