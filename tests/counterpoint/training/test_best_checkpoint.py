"""Which probe is the best, which its reward would have picked, and that the best weights come back to the bit."""

import pytest
import torch
from safetensors import safe_open

from counterpoint.models import checkpoint, manifest
from counterpoint.training import best_checkpoint

LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj"], "vision_tower": False}


def probes(accuracies: dict[int, float], suite="in_domain", decoding="greedy") -> list[dict]:
    key = {"suite": suite, "condition": "normal", "decoding": decoding}
    return [{"step": step, "accuracy": accuracy, **key} for step, accuracy in accuracies.items()]


def steps(rewards: dict[int, float | None]) -> list[dict]:
    return [{"step": step, "reward": reward} for step, reward in rewards.items()]


def test_the_best_probe_is_the_earliest_of_the_highest():
    assert best_checkpoint.best_step(probes({0: 0.1, 5: 0.5, 10: 0.5, 15: 0.4}), "in_domain") == 5
    assert best_checkpoint.best_step(reversed(probes({0: 0.1, 5: 0.5, 10: 0.5})), "in_domain") == 5
    assert best_checkpoint.best_step(probes({0: 0.3, 5: 0.1}), "in_domain") == 0
    assert best_checkpoint.best_step([], "in_domain") is None


def test_neither_another_suite_nor_sampling_has_a_say():
    rows = probes({0: 0.2, 5: 0.1})
    others = probes({0: 0.0, 5: 1.0}, suite="rule_shift") + probes({0: 0.0, 5: 1.0}, decoding="sampled")
    assert best_checkpoint.best_step(rows + others, "in_domain") == 0
    assert best_checkpoint.best_step(rows + others, "rule_shift") == 5


def test_the_suite_that_decides():
    assert best_checkpoint.deciding_suite(["rule_shift", "in_domain"]) == "in_domain"
    assert best_checkpoint.deciding_suite(["text_twin", "rule_shift"]) == "text_twin"
    assert best_checkpoint.deciding_suite([]) is None


def test_the_values_of_a_column_rise_by_step_and_leave_out_what_is_unknown():
    assert list(best_checkpoint.recorded(steps({2: 0.5, 1: 0.25, 3: None}), "reward").items()) == [(1, 0.25), (2, 0.5)]


def test_what_the_reward_would_have_picked():
    rows = probes({0: 0.9, 2: 0.1, 4: 0.2, 6: 0.0})
    assert best_checkpoint.reward_step(rows, steps({1: 0.1, 2: 0.1, 3: 0.9, 4: 0.7, 5: 0.8, 6: 0.8}), "in_domain") == 4
    assert best_checkpoint.reward_step(rows, steps({1: None, 2: None}), "in_domain") is None
    assert best_checkpoint.reward_step([], steps({1: 0.5}), "in_domain") is None


@pytest.mark.parametrize("lora", [None, LORA])
def test_kept_weights_come_back_to_the_bit(loaded, tmp_path, lora):
    model = checkpoint.add_lora(loaded[0], **lora) if lora else loaded[0]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fourth = best_checkpoint.keep_weights(model, tmp_path, 4)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 1
    eighth = best_checkpoint.keep_weights(model, tmp_path, 8)
    assert not all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    best_checkpoint.restore_weights(model, tmp_path, fourth)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with safe_open(tmp_path / "best/4.safetensors", framework="np") as saved:
        assert all("lora" in name for name in saved.keys()) == bool(lora)  # noqa: SIM118
    (tmp_path / "best/9.new").write_bytes(b"half")
    for step, best in ((5, fourth), (10, eighth)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        manifest.write(tmp_path / f"checkpoint-{step}", best=best)
    best_checkpoint.drop_unused_weights(tmp_path)
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == ["4.safetensors", "8.safetensors"]
    (tmp_path / "checkpoint-5" / manifest.NAME).write_text("{")
    best_checkpoint.drop_unused_weights(tmp_path)
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["8.safetensors"]


def test_changed_weights_are_not_restored(loaded, tmp_path):
    best = best_checkpoint.keep_weights(loaded[0], tmp_path, 4)
    file = tmp_path / "best/4.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(manifest.Broken, match=r"best/4\.safetensors is not as it was written"):
        best_checkpoint.restore_weights(loaded[0], tmp_path, best)


def test_dropping_where_nothing_was_kept_is_nothing(tmp_path):
    best_checkpoint.drop_unused_weights(tmp_path)
    assert not list(tmp_path.iterdir())
