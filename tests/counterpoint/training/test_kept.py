"""The weights of the best probe so far come back to the bit."""

import pytest
import torch
from safetensors import safe_open

from counterpoint.models import checkpoint
from counterpoint.training import kept

LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj"], "vision_tower": False}


@pytest.mark.parametrize("lora", [None, LORA])
def test_kept_weights_come_back_to_the_bit(loaded, tmp_path, lora):
    model = checkpoint.add_lora(loaded[0], **lora) if lora else loaded[0]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kept.keep(model, tmp_path, 4)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 1
    kept.keep(model, tmp_path, 8)
    assert not all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    kept.restore(model, tmp_path, 4)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with safe_open(tmp_path / "best/4.safetensors", framework="np") as saved:
        assert all("lora" in name for name in saved.keys()) == bool(lora)  # noqa: SIM118
    (tmp_path / "best/9.new").write_bytes(b"half")
    kept.drop_others(tmp_path, 8)
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["8.safetensors"]


def test_dropping_where_nothing_was_kept_is_nothing(tmp_path):
    kept.drop_others(tmp_path, None)
    assert not list(tmp_path.iterdir())
