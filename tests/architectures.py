"""The smallest checkpoints of every architecture whose prefixes are shared, with random weights and no torchvision."""

from __future__ import annotations

import torch

NAMES = ("llava-qwen3", "llava-qwen2", "llava-llama", "qwen2_vl", "qwen2_5_vl")
QWEN_TEMPLATE = (
    "{% for m in messages %}{{ '<user>' if m['role'] == 'user' else '<assistant>' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<vision><image></vision>{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<eos>' if m['role'] == 'assistant' else '' }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def build(name: str, shape):
    """A model with random weights and its processor, by name of the architecture (one of NAMES)."""
    from counterpoint.models import micro, pretraining

    processor = micro.build_processor(pretraining.corpus(0, 200), shape)
    torch.manual_seed(0)
    if name.startswith("llava"):
        model = micro.build_model(shape, processor.tokenizer)
        model = model if name == "llava-qwen3" else _llava(name.partition("-")[2], model.config)
    else:
        model, processor = _qwen(name, processor)
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    return model.eval(), processor


def _text(config) -> dict:
    names = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "pad_token_id",
        "eos_token_id", "max_position_embeddings",
    )  # fmt: skip
    shared = {key: getattr(config, key) for key in names}
    return {**shared, "num_key_value_heads": 1, "tie_word_embeddings": False, "bos_token_id": None}


def _llava(decoder: str, config):
    from transformers import LlamaConfig, LlavaForConditionalGeneration, Qwen2Config

    kinds = {"llama": LlamaConfig, "qwen2": Qwen2Config}
    config.text_config = kinds[decoder](**_text(config.text_config))
    config.tie_word_embeddings = False
    return LlavaForConditionalGeneration(config)


def _qwen(name: str, processor):
    from tokenizers import AddedToken
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
        Qwen2VLProcessor,
    )
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = processor.tokenizer
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in ("<vision>", "</vision>", "<video>")])
    tokenizer.chat_template = QWEN_TEMPLATE
    for kind in ("image", "video"):
        setattr(tokenizer, f"{kind}_token", f"<{kind}>")
        setattr(tokenizer, f"{kind}_token_id", tokenizer.convert_tokens_to_ids(f"<{kind}>"))
    pictures = Qwen2VLImageProcessorPil(
        patch_size=8, temporal_patch_size=2, merge_size=2, size={"shortest_edge": 256, "longest_edge": 4096}
    )
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]},
        "pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None,
    }  # fmt: skip
    vision = {"depth": 2, "num_heads": 2, "patch_size": 8, "temporal_patch_size": 2, "spatial_merge_size": 2}
    shared = {
        "image_token_id": tokenizer.image_token_id,
        "video_token_id": tokenizer.video_token_id,
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<vision>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("</vision>"),
        "tie_word_embeddings": True,
    }
    if name == "qwen2_vl":
        vision |= {"embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2}
        model = Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision, **shared))
    else:
        vision |= {"hidden_size": 32, "out_hidden_size": 32, "intermediate_size": 48, "window_size": 32}
        vision |= {"fullatt_block_indexes": [1]}
        model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **shared))

    class PictureProcessor(Qwen2VLProcessor):
        def check_argument_for_proper_class(self, argument_name, argument):
            """A video processor, which needs torchvision, may be missing."""

    return model, PictureProcessor(pictures, tokenizer, chat_template=QWEN_TEMPLATE)
