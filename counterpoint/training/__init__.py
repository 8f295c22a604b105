"""Training: `SharedPrefixGRPOTrainer` and `PackedSFTTrainer` take the place of TRL's trainers.

They are imported when they are asked for, since they bring torch, transformers and TRL with them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoint.training.packed_sft import PackedSFTTrainer
    from counterpoint.training.shared import SharedPrefixGRPOTrainer

__all__ = ["PackedSFTTrainer", "SharedPrefixGRPOTrainer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    file = {"PackedSFTTrainer": "packed_sft", "SharedPrefixGRPOTrainer": "shared"}[name]
    return getattr(import_module(f"{__name__}.{file}"), name)
