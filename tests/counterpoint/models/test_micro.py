"""Micro checkpoints: ordinary for transformers, their tokenizer whole, their pictures as the processor's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from counterpoint.models import micro, pretraining
from counterpoint.prompt import completion_text, user_text, with_images


@pytest.fixture(scope="module")
def processor(micro_folder):
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(micro_folder)


def test_the_auto_classes_load_it(micro_folder, shape):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(micro_folder, use_safetensors=True)
    processor = AutoProcessor.from_pretrained(micro_folder)
    assert (type(model).__name__, type(processor).__name__) == ("LlavaForConditionalGeneration", "LlavaProcessor")
    assert model.config.text_config.hidden_size == shape.text_width
    assert model.get_output_embeddings().weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
    assert model.generation_config.eos_token_id == processor.tokenizer.eos_token_id
    assert len(processor.tokenizer) <= shape.vocabulary


def test_a_picture_becomes_its_tokens_and_the_model_answers_for_both_kinds_of_input(loaded, problems, shape):
    model, processor = loaded
    texts = [
        processor.apply_chat_template(
            with_images(user_text(problems[0]), n), add_generation_prompt=True, tokenize=False
        )
        for n in (1, 0)
    ]
    seen = processor(text=[texts[0]], images=[[problems[0].images[0].decode()]], return_tensors="pt")
    blind = processor(text=[texts[1]], return_tensors="pt")
    assert (seen.input_ids == model.config.image_token_id).sum() == (shape.image_size // micro.PATCH) ** 2
    assert (blind.input_ids == model.config.image_token_id).sum() == 0
    with torch.inference_mode():
        assert model(**seen).logits.shape[-1] == len(processor.tokenizer)
        assert torch.isfinite(model(**blind).logits).all()


def test_any_text_encodes_and_decodes(processor):
    @settings(max_examples=300, deadline=None)
    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
    def round_trip(text):
        if not any(special in text for special in micro.SPECIAL):
            ids = processor.tokenizer(text).input_ids
            assert processor.tokenizer.decode(ids) == text

    round_trip()
    for text in (
        "",
        " ",
        "  two  spaces  ",
        "中文 עברית 👩‍👩‍👧",
        "a\r\n\tb",
        "don't , stop .",
        "\x00\x7f",
        *micro.TAGS,
    ):
        assert processor.tokenizer.decode(processor.tokenizer(text).input_ids) == text


def test_answer_tags_are_single_tokens_that_outlive_the_special_ones(processor):
    tokenizer = processor.tokenizer
    text = completion_text("a b", "5")
    ids = tokenizer(f"{text}<eos>").input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    for tag in micro.TAGS:
        assert len(tokenizer(tag).input_ids) == 1
        assert tokenizer.convert_tokens_to_ids(tag) not in tokenizer.all_special_ids


def test_the_template_is_what_pretraining_taught(processor, problems):
    text = user_text(problems[0])
    prompt = processor.apply_chat_template(with_images(text, 1), add_generation_prompt=True, tokenize=False)
    assert prompt == f"<user><image>{text}<assistant>"
    image = problems[0].images[0].decode()
    said = processor(text=[prompt], images=[[image]], return_tensors="pt")
    input_ids, *_ = pretraining.collate([(image, text, "x")], processor)
    length = said.input_ids.shape[1]
    assert input_ids[0, :length].tolist() == said.input_ids[0].tolist()


def test_collated_pixels_equal_the_processors(processor, problems):
    pictures = [p.images[0].decode() for p in problems[:4]]
    noise = np.random.default_rng(0).integers(0, 256, np.asarray(pictures[0]).shape, dtype=np.uint8)
    pictures.append(Image.fromarray(noise))
    *_, pixels = pretraining.collate([(p, "q", "a") for p in pictures], processor)
    wanted = processor.image_processor(pictures, return_tensors="pt").pixel_values
    assert pixels.shape == wanted.shape
    assert torch.allclose(pixels, wanted, atol=1e-6)


def test_collate_labels_the_assistants_words_alone_and_pads_to_the_right(processor, problems):
    picture = problems[0].images[0].decode()
    input_ids, mask, labels, pixels = pretraining.collate(
        [(picture, "what ?", "a long answer of words"), (None, "q", "a")], processor
    )
    assert len(pixels) == 1
    assert processor.tokenizer.decode(labels[0][labels[0] != -100]) == "a long answer of words<eos>"
    assert processor.tokenizer.decode(labels[1][labels[1] != -100]) == "a<eos>"
    assert mask[1].tolist() == sorted(mask[1].tolist(), reverse=True)
    assert (input_ids[1][mask[1] == 0] == processor.tokenizer.pad_token_id).all()
    assert (labels[1][mask[1] == 0] == -100).all()
