"""Prompts encoded in parts against all at once."""

import architectures
import pytest
import shared_cases as cases
import torch

from counterpoint.generation import architecture, layers, prefill, prompts


@pytest.mark.parametrize("name", ["llava-qwen3", "qwen2_5_vl"])
@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [2, 2, 2]], ids=["of four lengths", "of one length"])
def test_parts_give_what_all_at_once_give(shape, monkeypatch, name, rows):
    torch.set_num_threads(1)
    model, processor = architectures.build(name, shape)
    shown = cases.rows()
    messages = [
        [{"role": "user", "content": [*({"type": "image", "image": i} for i in row["images"]),
                                      {"type": "text", "text": row["prompt"][0]["content"]}]}]
        for row in shown
    ]  # fmt: skip
    bare = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=True)
    fields = {k: v for k, v in bare.items() if k not in ("input_ids", "attention_mask")}
    parts = architecture.parts(model)
    built = prompts.build(parts, bare["input_ids"], [len(row["images"]) for row in shown], fields).select(rows)
    with torch.no_grad():
        hidden = prompts.embed(parts, built, prompts.features(parts, built), built.ids[0][:0])
        joined = layers.join(parts.decoder)
        found = []
        for tokens in (10**6, 2 * max(built.lengths), 1):
            monkeypatch.setattr(prefill, "AT_ONCE", tokens)
            found.append(prefill.prefill(parts, built, hidden, joined))
    state, kept, bias = found[0]
    assert (bias is None) == (len(set(rows)) == 1)
    for other_state, other_kept, other_bias in found[1:]:
        torch.testing.assert_close(other_state, state)
        assert (other_bias is None) if bias is None else torch.equal(other_bias, bias)
        for layer, pair in kept.items():
            for one, other in zip(pair, other_kept[layer], strict=True):
                for row, length in enumerate(built.lengths):
                    torch.testing.assert_close(other[row, :, :length], one[row, :, :length])
                    assert other[row].isfinite().all()  # what the bias hides must not be NaN
