"""The likelihood of demonstrations by the shortest way: one at a time, a plain forward pass of the model."""

from __future__ import annotations

import torch

from counterpoint.prompt import user_text, with_images


def log_probs(model, processor, problem, text: str, instruction: str) -> torch.Tensor:
    """Log-probability of each token of the completion and of the one that ends it: (tokens,)."""
    pictures = [picture.decode() for picture in problem.images]
    asked = with_images(user_text(problem, instruction), len(pictures))
    prompt = processor.apply_chat_template(asked, add_generation_prompt=True)
    whole = processor.apply_chat_template([*asked, {"role": "assistant", "content": [{"type": "text", "text": text}]}])
    assert whole.startswith(prompt)
    before, inputs = (
        processor(text=[shown], images=pictures or None, return_tensors="pt", add_special_tokens=False)
        for shown in (prompt, whole)
    )
    start = before["input_ids"].shape[1]
    ids = inputs["input_ids"][0]
    scores = model(**inputs).logits[0, start - 1 : -1]
    return scores.log_softmax(-1)[torch.arange(len(ids) - start), ids[start:]]
