"""Stock TRL and the shared-prefix trainer on the same weights, prompts and completions."""

from __future__ import annotations

import copy
import random
import tempfile

import torch

GROUP, LIMIT = 4, 9


def rows() -> list[dict]:
    """Prompts of different lengths with no picture, one, and several."""
    from PIL import Image

    def picture(seed: int, size: tuple[int, int]):
        return Image.frombytes("RGB", size, random.Random(seed).randbytes(3 * size[0] * size[1]))

    one, two, three = picture(1, (48, 48)), picture(2, (64, 48)), picture(3, (48, 80))
    asked = [
        ("how many red ?", [one]),
        ("which is the larger , and by how much ? think first . then say", [two, three]),
        ("what is 3 + 4 ?", []),
        ("how many ?", [three]),
    ]
    return [{"prompt": [{"role": "user", "content": text}], "images": images} for text, images in asked]


def completions(call: int, number: int, stop: int, vocabulary: int) -> list[list[int]]:
    """Random completions: of length 1, of the greatest length with and without an end, and between."""
    draws = random.Random(call)
    found = []
    for row in range(number):
        length = (1, LIMIT, LIMIT, draws.randint(2, LIMIT - 1))[row % 4]
        ids = [draws.randrange(20, vocabulary) for _ in range(length)]
        found.append(ids if row % 4 == 1 else [*ids[:-1], stop])
    return found


def sharpen(model):
    """Weights large enough that attention and predictions are far from uniform."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model


def reward(completions, **_):
    return [len(turns[0]["content"]) % 5 / 4 for turns in completions]


def trainer(cls, model, processor, lora=None, **changes):
    """A trainer of class `cls` over `rows()` whose completions are given, on a copy of the model."""
    from datasets import Dataset, Features, Image, Sequence, Value
    from trl import GRPOConfig

    from counterpoint.models import checkpoint

    class Given(cls):
        calls = 0

        def _tokenize_prompts(self, prompts):
            ids, images, fields = super()._tokenize_prompts(prompts)
            # stock TRL hands None for a prompt without pictures to the image processor, which refuses it
            return ids, images and [shown or [] for shown in images], fields

        def _generate_single_turn(self, prompt_ids, *args, **kwargs):
            self.calls += 1
            return completions(self.calls, len(prompt_ids), processor.tokenizer.eos_token_id, 380), None

    settings = {
        "output_dir": tempfile.mkdtemp(), "use_cpu": True, "bf16": False, "gradient_checkpointing": False,
        "report_to": [], "save_strategy": "no", "disable_tqdm": True, "logging_steps": 1, "seed": 3,
        "per_device_train_batch_size": 4 * GROUP, "num_generations": GROUP, "max_completion_length": LIMIT,
        "remove_unused_columns": False, "learning_rate": 1e-3, "max_steps": 10, "temperature": 0.9,
    } | changes  # fmt: skip
    model = copy.deepcopy(model)
    if lora:
        torch.manual_seed(5)
        model = checkpoint.add_lora(model, 4, 8, 0.0, ["q_proj", "v_proj", "down_proj"], vision_tower=False)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.1)
    turn = [{"role": Value("string"), "content": Value("string")}]
    columns = {key: [row[key] for row in rows()] for key in ("prompt", "images")}
    data = Dataset.from_dict(columns, features=Features({"prompt": turn, "images": Sequence(Image())}))
    made = Given(
        model=model, args=GRPOConfig(**settings), reward_funcs=[reward], train_dataset=data, processing_class=processor
    )
    made.model.train()
    return made


def measure(made) -> dict:
    """One loss and its gradients over all rows, and what it was made of."""
    seen = []
    inner = made._get_per_token_logps_and_entropies

    def record(*args, **kwargs):
        seen.append(inner(*args, **kwargs))
        return seen[-1]

    made.current_gradient_accumulation_steps = 1
    batch = [row for row in made.train_dataset for _ in range(GROUP)]
    inputs = made._generate_and_score_completions(batch)
    made._get_per_token_logps_and_entropies = record
    loss = made.compute_loss(made.model, inputs)
    loss.backward()
    del made._get_per_token_logps_and_entropies
    mask = inputs["completion_mask"].bool()
    return {
        "loss": loss.item(),
        "log_probs": seen[0][0].detach()[mask],
        "entropies": seen[0][1].detach()[mask],
        "old": inputs.get("old_per_token_logps"),
        "reference": inputs.get("ref_per_token_logps"),
        "gradients": {n: p.grad for n, p in made.model.named_parameters() if p.grad is not None},
        "metrics": {key: value[-1] for key, value in made._metrics["train"].items() if "time" not in key},
    }
