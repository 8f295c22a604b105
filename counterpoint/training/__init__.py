"""Training: `SharedPrefixGRPOTrainer` and `PackedSFTTrainer` take the place of TRL's trainers.

They are imported when they are asked for, since they bring torch, transformers and TRL with them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterpoint.training.packed_sft import PackedSFTTrainer
    from counterpoint.training.shared import SharedPrefixGRPOTrainer

__all__ = ["PackedSFTTrainer", "SharedPrefixGRPOTrainer"]


def __getattr__(name: str) -> Any:
    if name == "SharedPrefixGRPOTrainer":
        from counterpoint.training.shared import SharedPrefixGRPOTrainer

        return SharedPrefixGRPOTrainer
    if name == "PackedSFTTrainer":
        from counterpoint.training.packed_sft import PackedSFTTrainer

        return PackedSFTTrainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
