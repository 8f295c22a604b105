"""Which weights a run publishes, and runs that end because their own probes call the reward deceptive.

Untaught models are right about nothing, so the accuracies (and, to deceive, the rewards) that are recorded are planted;
everything else is the run's own.
"""

import dataclasses
import json

import pytest
import torch
from accelerate import Accelerator

from counterpoint.models import manifest
from counterpoint.training import assessment, session
from counterpoint.training.records import Recorder
from counterpoint.training.session import RunCallback

LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj"], "vision_tower": False}
HUMP = {0: 0.25, 2: 0.5, 4: 0.75, 6: 0.75, 8: 0.5}
FALLING = [0.5, 0.52, 0.47, 0.49, 0.46, 0.44, 0.47, 0.42, 0.44, 0.4, 0.41, 0.37, 0.39, 0.36, 0.33, 0.35, 0.3]


def plant(patch, accuracy, reward=None) -> None:
    """Let the probes of every suite be recorded with `accuracy[step]` on many items, and the steps with a reward."""
    real = Recorder.add

    def add(self, table, *rows):
        if table == "probes":
            rows = [{**row, "accuracy": accuracy[row["step"]], "n": 512} for row in rows]
        if table == "steps" and reward:
            rows = [{**row, "reward": reward(row["step"])} for row in rows]
        real(self, table, *rows)

    patch.setattr(Recorder, "add", add)


def snapshots(patch) -> dict[int, dict[str, torch.Tensor]]:
    """The model's state at every probe, by step, of what trains next."""
    found, real = {}, RunCallback._probe

    def probe(self, model, step):
        found[step] = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        real(self, model, step)

    patch.setattr(RunCallback, "_probe", probe)
    return found


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def settings(sft_settings, rl_settings):
    """8 optimizer steps of each method."""
    return {"sft": dataclasses.replace(sft_settings, epochs=2), "rl": rl_settings}


@pytest.mark.parametrize(
    ("method", "lora"),
    [
        ("sft", None),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (("sft", LORA), ("rl", None))),
        ("rl", LORA),
    ],
)
def test_the_best_probe_is_published(train, settings, tmp_path, monkeypatch, method, lora):
    plant(monkeypatch, HUMP)
    seen = snapshots(monkeypatch)
    run = train(settings[method], tmp_path, every=2, lora=lora, rule="best")
    assert (run.totals["checkpoint_step"], run.totals["best_step"], run.totals["updates"]) == (4, 4, 8)
    assert same(run.weights, seen[4]) and not same(seen[4], seen[8]) and not same(seen[4], seen[2])
    assert (run.totals["reward_step"] is None) == (method == "sft")
    assert (run.totals["status"], run.totals["stop_reason"]) == ("completed", None)
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["4.safetensors"]


def test_the_last_weights_are_published_and_the_best_only_named(train, settings, tmp_path, monkeypatch):
    plant(monkeypatch, HUMP, lambda step: {1: 0.1, 2: 0.1, 3: 0.9, 5: 0.8, 6: 0.8}.get(step, 0.5))
    seen = snapshots(monkeypatch)
    run = train(settings["rl"], tmp_path, every=2)
    named = [run.totals[key] for key in ("checkpoint_step", "best_step", "reward_step")]
    assert named == [8, 4, 6]
    assert same(run.weights, seen[8])
    assert not (tmp_path / "best").exists()


def test_the_best_of_no_probes_is_refused(train, settings, tmp_path):
    with pytest.raises(ValueError, match="nothing is probed"):
        train(settings["sft"], tmp_path, probed=False, rule="best")


@pytest.fixture
def deceived(rl_settings, monkeypatch):
    """Settings of 16 steps, each probed, whose recorded reward rises while the accuracy falls."""
    plant(monkeypatch, FALLING, lambda step: 0.1 + 0.05 * step)
    return dataclasses.replace(rl_settings, epochs=4, checkpoint_every=4, stop_when_deceptive=True)


def verdict(work) -> dict:
    return json.loads((work / "records" / assessment.VERDICT).read_text())


def test_a_deceptive_run_ends_at_the_second_such_probe(train, deceived, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    seen = snapshots(monkeypatch)
    run = train(deceived, tmp_path / "stopped", every=1)
    last = run.totals["updates"]
    assert 10 <= last < 16
    assert run.totals["status"] == f"stopped: deceptive reward at step {last}"
    assert "reward rose (trend" in run.totals["stop_reason"]
    assert (run.totals["checkpoint_step"], run.totals["best_step"]) == (last, 1)
    assert run.totals["prompts_seen"] == 4 * last
    assert [row["step"] for row in run.tables["steps"]] == list(range(1, last + 1))
    assert max(row["step"] for row in run.tables["probes"]) == last
    left = verdict(tmp_path / "stopped")
    assert (left["step"], left["verdict"]) == (last, "deceptive")
    assert run.totals["stop_reason"] == f"{left['mechanism']}: {left['reason']}"
    said = [record.getMessage() for record in caplog.records if " reward: " in record.getMessage()]
    assert len(said) == 1 and said[0].startswith(f"step {last - 1} reward: deceptive")

    on = train(dataclasses.replace(deceived, stop_when_deceptive=False), tmp_path / "on", every=1)
    assert (on.totals["updates"], on.totals["status"]) == (16, "completed")
    assert verdict(tmp_path / "on")["step"] == 16
    assert same(run.weights, seen[last]) and not same(run.weights, on.weights)

    best = train(deceived, tmp_path / "best", every=1, rule="best")
    assert (best.totals["updates"], best.totals["checkpoint_step"]) == (last, 1)
    assert same(best.weights, seen[1])


def wide(place) -> object:
    """A place that is killed in the slow tests alone."""
    return pytest.param(place, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "place", [wide((session, "_outcome")), (RunCallback, "on_save"), wide((RunCallback, "on_log"))]
)
def test_a_stopped_run_that_is_killed_ends_the_same(train, deceived, tmp_path, monkeypatch, place):
    """Killed before its end is recorded, before its last checkpoint is complete, and before it knows that it ends."""
    whole = train(deceived, tmp_path / "whole", every=1)
    last = whole.totals["updates"]
    owner, name = place

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patch:
        real = getattr(owner, name)

        def call(*given, **more):
            if name == "_outcome" or given[2].global_step == last:
                raise Killed
            return real(*given, **more)

        patch.setattr(owner, name, call)
        with pytest.raises(Killed):
            train(deceived, tmp_path / "killed", every=1)
    saved = manifest.newest(tmp_path / "killed")[0].name == f"checkpoint-{last}"
    assert saved == (name == "_outcome")
    with monkeypatch.context() as patch:
        if saved:
            patch.setattr(Accelerator, "backward", None)  # nothing more is trained
        again = train(deceived, tmp_path / "killed", every=1)
    assert again.totals == whole.totals and same(again.weights, whole.weights)
    assert verdict(tmp_path / "killed") == verdict(tmp_path / "whole")


def test_a_verdict_changes_nothing_in_training(train, rl_settings, tmp_path, monkeypatch):
    """Byte-identical weights and completions with the key and where nobody assesses at all."""
    plant(monkeypatch, [0.2 + 0.03 * step for step in range(13)], lambda step: 0.1 + 0.05 * step)
    honest = dataclasses.replace(rl_settings, epochs=3, stop_when_deceptive=True)
    seen = train(honest, tmp_path / "seen", every=1)
    monkeypatch.setattr(RunCallback, "_assess", lambda self, step: None)
    unseen = train(dataclasses.replace(honest, stop_when_deceptive=False), tmp_path / "unseen", every=1)
    assert verdict(tmp_path / "seen")["verdict"] == "aligned"
    assert not (tmp_path / "unseen/records" / assessment.VERDICT).exists()
    assert same(seen.weights, unseen.weights) and seen.totals == unseen.totals
    assert seen.tables["completions"] == unseen.tables["completions"]
