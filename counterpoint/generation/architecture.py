"""Which models share a prefix, and where their parts lie: the embedding, the vision tower, the decoder and the head.

Shared-prefix code calls the decoder's layers itself, so it holds only for architectures that were read and are tested:
LLaVA over a Llama, Qwen2 or Qwen3 decoder, Qwen2-VL and Qwen2.5-VL. `unsupported` says why any other is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

VISION_LANGUAGE = ("llava", "qwen2_vl", "qwen2_5_vl")
DECODERS = ("llama", "qwen2", "qwen3", "qwen2_vl_text", "qwen2_5_vl_text")
FIELDS = ("pixel_values", "image_grid_thw", "mm_token_type_ids")  # what their processors return besides token ids


@dataclass(frozen=True)
class Parts:
    """The parts of one vision-language model; PEFT's wrapper is taken off, its adapted layers stay."""

    model: Any
    inner: Any
    decoder: Any
    image_token: int

    @property
    def head(self) -> Any:
        """The language-model head."""
        return self.model.get_output_embeddings()


def parts(model) -> Parts:
    """The parts of a supported model, wrapped by PEFT or not."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return Parts(base, base.model, base.model.language_model, base.config.image_token_id)


def unsupported(model) -> str | None:
    """Why the model cannot share prefixes, or None when it can."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    kind = getattr(base.config, "model_type", type(base).__name__)
    if kind not in VISION_LANGUAGE:
        return f"the architecture {kind} is none of {', '.join(VISION_LANGUAGE)}"
    decoder = base.model.language_model
    if decoder.config.model_type not in DECODERS:
        return f"its decoder {decoder.config.model_type} is none of {', '.join(DECODERS)}"
    if any(kind != "full_attention" for kind in getattr(decoder.config, "layer_types", None) or ()):
        return "its decoder has layers of limited attention"
    if hasattr(model, "peft_config") and any(c.is_prompt_learning for c in model.peft_config.values()):
        return "its adapter learns a prompt"
    return None


def dropout(model) -> bool:
    """Whether a training forward pass of the model is random."""
    rates = (getattr(m, name, 0.0) for m in model.modules() for name in ("attention_dropout", "dropout"))
    return any(isinstance(m, torch.nn.Dropout) and m.p > 0 for m in model.modules()) or any(
        isinstance(rate, float) and rate > 0 for rate in rates
    )
