"""What a checkpoint keeps beside the Trainer's own files."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from counterpoint.training.resume import pack, unpack


def listed(value):
    """`value` with its tensors as lists beside their types."""
    if isinstance(value, torch.Tensor):
        return ("tensor", value.dtype, value.shape, value.tolist())
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return type(value)(map(listed, value)) if isinstance(value, list | tuple) else (type(value), value)


def test_what_is_kept_comes_back_the_same():
    rows = torch.arange(12, dtype=torch.float16).reshape(6, 2)
    kept = {
        "halves": [{"a": rows[:3], "b": None}, {"a": rows[3:], "b": [1, 2]}],  # views of one storage
        "nested": ([rows.T, [torch.tensor(True)]], (), {}),
        "plain": [0.1 + 0.2, float("inf"), -7, True, "\u2028 ß", None],
        "scalar": torch.tensor(3),
    }
    tensors: dict[str, torch.Tensor] = {}
    packed = json.loads(json.dumps(pack(kept, tensors, "kept")))
    found = unpack(packed, load(save(tensors)))
    assert listed(found) == listed(kept)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [0, {1, 2}]}, r"_buffered_inputs\.a\[1\] cannot be kept in a checkpoint: it is a set"),
        ({3: 4}, "_buffered_inputs cannot be kept in a checkpoint: it is a dict"),
        (np.float64(1), "it is a float64"),
        (Counter(), "it is a Counter"),
    ],
)
def test_what_cannot_come_back_the_same_is_not_kept(value, said):
    with pytest.raises(TypeError, match=said):
        pack(value, {}, "_buffered_inputs")
