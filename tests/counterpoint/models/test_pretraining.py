"""Pre-training: what the bases are shown, and that an interrupted base is the same base."""

import dataclasses
import json
import os
import shutil

import pytest
import torch

from counterpoint import prompt
from counterpoint.errors import UserError
from counterpoint.models import checkpoint, pretraining
from counterpoint.sources import procedural
from counterpoint.verify import well_formed


@pytest.fixture(params=list(pretraining.MIXES))
def stream(monkeypatch, request):
    """The first 300 examples of a phase, each with the arguments and result of the draw that made it."""
    drawn = []
    real = procedural.draw

    def spy(*arguments):
        result = real(*arguments)
        drawn.append((arguments, result))
        return result

    monkeypatch.setattr(pretraining, "draw", spy)
    return [(pretraining.example(0, index, request.param), drawn[-1]) for index in range(300)]


def test_no_state_outside_the_pretrain_part_is_shown(stream):
    for _, (_, (_, state_id, _)) in stream:
        assert procedural.part_of(state_id) == "pretrain"


def test_reasoning_is_right_and_about_the_two_easiest_difficulties(stream):
    thinking = [(example, result) for example, result in stream if example[1].endswith(prompt.THINK)]
    assert len(thinking) > 60
    for (_, _, said), (_, (draft, _, _)) in thinking:
        assert draft.difficulty <= 2
        assert well_formed(said)
        assert said == prompt.completion_text(draft.reasoning, draft.answer)


def test_every_kind_is_shown_and_twins_show_no_picture(stream):
    kinds = {"caption": 0, "direct": 0, "think": 0, "twin": 0}
    for (picture, asked, said), (_, (draft, _, _)) in stream:
        if asked == prompt.DESCRIBE:
            kinds["caption"] += 1
            assert picture is not None and said == draft.caption
        elif picture is None:
            kinds["twin"] += 1
            assert asked.startswith(draft.text_twin)
        else:
            kinds["direct" if asked.endswith(prompt.DIRECT) else "think"] += 1
            assert draft.text_twin not in asked
    assert min(kinds.values()) > 12


def test_the_stream_repeats_and_differs_by_seed():
    first, again, other = (pretraining.example(seed, 7) for seed in (0, 0, 1))
    assert first[1:] == again[1:]
    assert (first[0] is None) == (again[0] is None)
    assert first[1:] != other[1:]


def recipe(shape, **changed):
    values = {
        "shape": shape, "seeing_steps": 2, "seeing_learning_rate": 0.01, "reasoning_steps": 2,
        "reasoning_learning_rate": 0.005, "stop_at": None, "batch": 4, "seed": 0, "threads": 1,
    }  # fmt: skip
    return pretraining.Recipe(**{**values, **changed})


def test_each_phase_warms_up_to_its_peak_and_falls(shape):
    phases = recipe(shape, seeing_steps=100, seeing_learning_rate=1.0, reasoning_steps=50, reasoning_learning_rate=0.5)
    rates = [pretraining.learning_rate(step, phases) for step in range(150)]
    for peak, warm, phase in ((1.0, 4, rates[:100]), (0.5, 2, rates[100:])):
        assert phase[0] == peak / warm and max(phase) == peak == phase[warm - 1]
        assert phase[warm:] == sorted(phase[warm:], reverse=True)
        assert 0.02 * peak <= phase[-1] < 0.03 * peak


def test_a_resumed_base_equals_an_uninterrupted_one(tmp_path, monkeypatch, shape):
    monkeypatch.setattr(
        pretraining, "corpus", lambda seed: [t for i in range(60) for t in pretraining.example(seed, i)[1:]]
    )
    whole = recipe(shape)
    said = []
    pretraining.train(whole, tmp_path / "whole", tmp_path / "work-whole", said.append)
    pretraining.train(dataclasses.replace(whole, stop_at=3), tmp_path / "first", tmp_path / "work", said.append)
    pretraining.train(whole, tmp_path / "resumed", tmp_path / "work", said.append)
    assert any("resuming at step 3" in line for line in said)
    models = [checkpoint.load(str(tmp_path / name))[0].state_dict() for name in ("whole", "resumed", "first")]
    assert all(torch.equal(models[0][key], models[1][key]) for key in models[0])
    assert any(not torch.equal(models[0][key], models[2][key]) for key in models[0])
    assert json.loads((tmp_path / "whole" / "training_log.json").read_text()) == []
    assert not list((tmp_path / "whole").glob("*.bin")) and list((tmp_path / "whole").glob("*.safetensors"))


def test_a_base_goes_on_from_its_last_intact_checkpoint_and_is_the_same(tmp_path, monkeypatch, shape, caplog):
    monkeypatch.setattr(
        pretraining, "corpus", lambda seed: [t for i in range(60) for t in pretraining.example(seed, i)[1:]]
    )
    monkeypatch.setattr(pretraining, "CHECKPOINT_EVERY", 1)
    whole = recipe(shape)

    def weights(name):
        said = []
        pretraining.train(whole, tmp_path / "out", tmp_path / name, said.append)
        assert sorted(path.name for path in (tmp_path / name).glob("checkpoint-*")) == ["checkpoint-3", "checkpoint-4"]
        return (tmp_path / "out/model.safetensors").read_bytes(), [line for line in said if "resuming" in line]

    expected, _ = weights("whole")
    pretraining.train(dataclasses.replace(whole, stop_at=3), tmp_path / "out", tmp_path / "left", print)
    for damaged, step in (((3,), 2), ((3, 2), 0)):
        for number, cut in ((3, 1000), (2, 0)):
            work = shutil.copytree(tmp_path / "left", tmp_path / f"{step}-{number}")
            for broken in damaged:
                os.truncate(work / f"checkpoint-{broken}" / pretraining.STATE, cut)
            caplog.clear()
            assert weights(work.name) == (expected, [f"resuming at step {step}"] if step else [])
            assert "checkpoint-3 is left out: state.pt is not as it was written" in caplog.text
            assert ("starting from step 0" in caplog.text) == (step == 0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/checkpoint-2").write_text("mine")
    with pytest.raises(UserError, match="checkpoint-2: a checkpoint is to be written there"):
        weights("full")
