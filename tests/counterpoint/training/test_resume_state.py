"""What a checkpoint keeps beside the Trainer's own files."""

import numpy as np
import pytest
import torch

from counterpoint.training.resume import save_state


def listed(value):
    """`value` with its tensors as lists beside their types."""
    if isinstance(value, torch.Tensor):
        return ("tensor", value.dtype, value.shape, value.tolist())
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return type(value)(map(listed, value)) if isinstance(value, list | tuple) else (type(value), value)


def test_what_is_kept_comes_back_the_same(tmp_path):
    rows = torch.arange(12, dtype=torch.float16).reshape(6, 2)
    kept = {
        "halves": [{"a": rows[:3], "b": None}, {"a": rows[3:], "b": [1, 2]}],  # views of one storage
        "nested": ([rows.T, [torch.tensor(True)]], (), {}),
        "plain": [0.1 + 0.2, float("inf"), -7, True, "\u2028 ß", None],
        "scalar": torch.tensor(3),
    }
    save_state(kept, tmp_path / "state.pt")
    found = torch.load(tmp_path / "state.pt", weights_only=True)
    assert listed(found) == listed(kept)
    first, second = (half["a"] for half in found["halves"])
    assert first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()  # where they lay before


@pytest.mark.parametrize(
    ("value", "said"), [(np.float64(1), "numpy"), (np.random.default_rng(0), "numpy"), (pytest.Item, "Item")]
)
def test_what_cannot_come_back_without_running_code_is_not_kept(value, said, tmp_path):
    with pytest.raises(TypeError, match=f"_buffered_inputs: a value cannot be kept in a checkpoint: .*{said}"):
        save_state({"_buffered_inputs": [value]}, tmp_path / "state.pt")
