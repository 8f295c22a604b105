"""The GPU case's model and processor, as a miniature on the CPU: what a GPU would run has at least run."""

import dataclasses

import pytest

from bench import cases, floor, gpu, trainers
from bench.clock import Clock
from bench.plain import encode
from counterpoint import problem

TEXT = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 5000,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
}  # fmt: skip
VISION = {"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2}


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["stock", "shared"])
def test_a_miniature_trains_and_has_the_dimensions(monkeypatch, root, tmp_path, arm):
    monkeypatch.chdir(root)
    case = dataclasses.replace(cases.cases()["g"], batch=4, group=2, max_tokens=4)
    cases.prepare(case, 2, tmp_path)
    problems, lengths, clock = problem.load(tmp_path / "problems.parquet"), [], Clock()
    model, processor = gpu.build(TEXT, VISION, "cpu")
    d = gpu.dimensions(model.config)
    inputs = encode(processor, problems[:1])
    assert (inputs["input_ids"] == model.config.image_token_id).sum() == d.image_tokens == 256
    assert tuple(inputs["pixel_values"].shape) == (d.patches, d.patch_inputs)
    linear = sum(i * o * n for i, o, n in floor.decoder(d)) * d.layers
    stored = sum(p.numel() for n, p in model.named_parameters() if "language_model.layers" in n and p.dim() == 2)
    assert linear == stored
    blocks = sum(p.inner * p.columns * p.count for p in floor.vision(d, 1) if p.batch == 1)
    stored = sum(p.numel() for n, p in model.named_parameters() if "visual." in n and p.dim() == 2)
    assert blocks == stored
    on_cpu = dataclasses.replace(case, device="cpu")
    trainers.train(arm, model, processor, problems, on_cpu, cases.scorer(case, problems, lengths), 2, clock)
    assert len(clock.steps) == 2 and lengths == [4] * 8


def test_peaks_tell_close_names_apart():
    assert gpu.peak("NVIDIA H100 PCIe") < gpu.peak("NVIDIA H100 80GB HBM3")
    assert gpu.peak("NVIDIA L40S") > gpu.peak("NVIDIA L4")
    assert gpu.peak("an unknown device") is None
