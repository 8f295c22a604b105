"""The GPU case: a model of Qwen2-VL-2B-Instruct's published dimensions with random weights, in bfloat16.

The pictures' sizes are what its image processor makes of them; its tokenizer is a small BPE of pseudo-words, so the
table of 151,936 entries is larger than what prompts use. This file has never run on a GPU.
"""

from __future__ import annotations

from typing import Any

from bench.floor import Dimensions

PICTURE = 448  # pixels a side: 32 × 32 patches of 14, merged 2 × 2 into 256 image tokens
SPECIAL = ("<|pad|>", "<|end|>", "<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")
# dense bfloat16 peaks of the makers' data sheets, operations a second, by a part of the device's name
PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
TEXT = {
    "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
    "num_key_value_heads": 2, "vocab_size": 151936, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    "tie_word_embeddings": True,
}  # fmt: skip
VISION = {"depth": 32, "embed_dim": 1280, "hidden_size": 1536, "num_heads": 16, "mlp_ratio": 4, "patch_size": 14}
CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|end|>' if m['role'] == 'assistant' else '' }}{% endfor %}"
)


def build(text: dict[str, Any] | None = None, vision: dict[str, Any] | None = None, device: str = "cuda"):
    """The model in training mode (bfloat16 on a GPU, float32 on a CPU) and its processor. `text` and `vision` change
    dimensions, for a miniature that a CPU can try."""
    import torch
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    processor = build_processor()
    number = processor.tokenizer.convert_tokens_to_ids
    config = Qwen2VLConfig(
        text_config={
            **TEXT, "pad_token_id": number(SPECIAL[0]), "eos_token_id": number(SPECIAL[1]), "bos_token_id": None,
            **(text or {}),
        },
        vision_config={**VISION, **(vision or {})},
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device):
        model = Qwen2VLForConditionalGeneration._from_config(
            config, dtype=torch.bfloat16 if device == "cuda" else torch.float32
        )
    model.generation_config.pad_token_id = number(SPECIAL[0])
    model.generation_config.eos_token_id = number(SPECIAL[1])
    return model.train(), processor


def build_processor():
    """Qwen2-VL's processor over a byte-level BPE of pseudo-words; the Pillow image processor, so no torchvision."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, ProcessorMixin, Qwen2VLProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from bench.cases import pseudo_corpus

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=4096, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(pseudo_corpus(4096), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=SPECIAL[0], eos_token=SPECIAL[1],
        additional_special_tokens=list(SPECIAL[2:]), padding_side="left", clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.chat_template = CHAT_TEMPLATE

    class PicturesOnly(Qwen2VLProcessor):
        """Without the part for videos, which needs torchvision."""

        def __init__(self, image_processor=None, tokenizer=None, chat_template=None):
            self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
            self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
            self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
            ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)

    return PicturesOnly(Qwen2VLImageProcessorPil(), tokenizer, chat_template=CHAT_TEMPLATE)


def dimensions(config) -> Dimensions:
    """The dimensions in a Qwen2-VL configuration, at pictures of `PICTURE` pixels a side."""
    text, tower = config.text_config, config.vision_config
    patches = (PICTURE // tower.patch_size) ** 2
    merged = tower.spatial_merge_size**2
    return Dimensions(
        width=text.hidden_size, layers=text.num_hidden_layers, heads=text.num_attention_heads,
        kv_heads=text.num_key_value_heads, head=text.hidden_size // text.num_attention_heads,
        inner=text.intermediate_size, vocabulary=text.vocab_size, vision_width=tower.embed_dim,
        vision_layers=tower.depth, vision_heads=tower.num_heads, vision_inner=tower.embed_dim * tower.mlp_ratio,
        patch_inputs=tower.in_channels * tower.temporal_patch_size * tower.patch_size**2, patches=patches,
        image_tokens=patches // merged,
        projector=((tower.embed_dim * merged, tower.embed_dim * merged), (tower.embed_dim * merged, text.hidden_size)),
    )  # fmt: skip


def peak(device_name: str) -> float | None:
    """The dense bfloat16 peak of a known device, in operations a second."""
    return next((value for name, value in PEAKS.items() if name in device_name), None)
