"""The weights of the best probe so far come back to the bit."""

import pytest
import torch
from safetensors import safe_open

from counterpoint.models import checkpoint, manifest
from counterpoint.training import kept

LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj"], "vision_tower": False}


@pytest.mark.parametrize("lora", [None, LORA])
def test_kept_weights_come_back_to_the_bit(loaded, tmp_path, lora):
    model = checkpoint.add_lora(loaded[0], **lora) if lora else loaded[0]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fourth = kept.keep(model, tmp_path, 4)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 1
    eighth = kept.keep(model, tmp_path, 8)
    assert not all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    kept.restore(model, tmp_path, fourth)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with safe_open(tmp_path / "best/4.safetensors", framework="np") as saved:
        assert all("lora" in name for name in saved.keys()) == bool(lora)  # noqa: SIM118
    (tmp_path / "best/9.new").write_bytes(b"half")
    for step, best in ((5, fourth), (10, eighth)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        manifest.write(tmp_path / f"checkpoint-{step}", best=best)
    kept.drop_others(tmp_path)
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == ["4.safetensors", "8.safetensors"]
    (tmp_path / "checkpoint-5" / manifest.NAME).write_text("{")
    kept.drop_others(tmp_path)
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["8.safetensors"]


def test_changed_weights_are_not_restored(loaded, tmp_path):
    best = kept.keep(loaded[0], tmp_path, 4)
    file = tmp_path / "best/4.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(manifest.Broken, match=r"best/4\.safetensors is not as it was written"):
        kept.restore(loaded[0], tmp_path, best)


def test_dropping_where_nothing_was_kept_is_nothing(tmp_path):
    kept.drop_others(tmp_path)
    assert not list(tmp_path.iterdir())
