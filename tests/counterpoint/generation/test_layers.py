"""The decoder's layers over a flat row against transformers' own decoder, state by state and gradient by gradient."""

import functools

import architectures
import pytest
import shared_cases
import torch

from counterpoint.generation import layers
from counterpoint.generation.attention import GroupedAttention

PROMPTS, COMPLETIONS, GROUPS = [5, 3], [4, 2, 3], [0, 0, 1]


@functools.cache
def whole(name: str, shape):
    """An architecture's model; it is its decoder that counts here, whose norms' weights and biases are not all one."""
    torch.set_num_threads(1)
    model, _ = architectures.build(name, shape)
    with torch.no_grad():
        for parameter in shared_cases.sharpen(model).model.language_model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) / 4)
    return model


def flat(parts, positions, hidden, joined=None) -> torch.Tensor:
    """The needed states by `layers.run`."""
    cos, sin = layers.rotary(parts, hidden, torch.cat(positions, -1).unsqueeze(-2))
    return layers.run(parts, hidden, (cos[0], sin[0]), GroupedAttention(PROMPTS, COMPLETIONS, GROUPS), joined)


def stock(parts, positions, hidden) -> torch.Tensor:
    """The same states by transformers: each completion behind its prompt, one row at a time."""
    pieces, prompts = hidden.split([*PROMPTS, *COMPLETIONS]), len(PROMPTS)
    last, own = {}, []
    for row, group in enumerate(GROUPS):
        place = torch.cat([positions[group], positions[prompts + row]], -1).unsqueeze(-2)
        row = torch.cat([pieces[group], pieces[prompts + row]])
        states = parts(inputs_embeds=row[None], position_ids=place, use_cache=False).last_hidden_state[0]
        last[group] = states[PROMPTS[group] - 1 : PROMPTS[group]]
        own.append(states[PROMPTS[group] :])
    return torch.cat([*(last[group] for group in range(prompts)), *own])


def places(name: str) -> list[torch.Tensor]:
    """Positions of prompts and completions; multimodal ones differ by axis."""
    found = [torch.arange(n) for n in PROMPTS]
    found += [torch.arange(n) + PROMPTS[group] for n, group in zip(COMPLETIONS, GROUPS, strict=True)]
    return [torch.stack([p, p // 2, p % 3]) for p in found] if name.startswith("qwen") else found


def gradients(parts, hidden, out) -> dict:
    weights = {n: p for n, p in parts.named_parameters() if "embed_tokens" not in n} | {"hidden": hidden}
    total = (out * torch.linspace(-1, 2, out.numel()).view(out.shape)).sum()
    return dict(zip(weights, torch.autograd.grad(total, list(weights.values())), strict=True))


@pytest.mark.parametrize("way", ["joined", "apart", "checkpointed"])
@pytest.mark.parametrize("name", architectures.NAMES)
def test_states_and_gradients_are_those_of_transformers(shape, monkeypatch, name, way):
    model = whole(name, shape)
    parts = model.model.language_model
    positions, joined = places(name), way == "joined"
    monkeypatch.setattr(layers, "FUSED_AT_MOST", layers.FUSED_AT_MOST if joined else 0)
    torch.manual_seed(1)
    hidden = torch.randn(sum(PROMPTS) + sum(COMPLETIONS), parts.config.hidden_size, requires_grad=True)
    theirs = stock(parts, positions, hidden)
    saved = []
    if way == "checkpointed":
        model.train()
        model.gradient_checkpointing_enable()
        for layer in parts.layers:
            inner = layer._gradient_checkpointing_func
            layer._gradient_checkpointing_func = lambda *a, inner=inner: (saved.append(0), inner(*a))[1]
    try:
        assert all((weights is not None) == joined for weights in layers.join(parts))
        ours = flat(parts, positions, hidden)
        found = gradients(parts, hidden, ours)
    finally:
        model.gradient_checkpointing_disable()
        model.eval()
    assert len(saved) == (len(parts.layers) if way == "checkpointed" else 0)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    wanted = gradients(parts, hidden, theirs)
    total = torch.stack([gradient.norm() for gradient in wanted.values()]).norm()
    for key, gradient in wanted.items():
        assert (gradient - found[key]).norm() <= 1e-5 * total, key
        # the bias of a key moves no softmax, so its gradient is nothing but rounding
        assert gradient.norm() > 1e-4 * total or key.endswith("k_proj.bias"), key


@pytest.mark.parametrize("name", architectures.NAMES)
def test_without_gradients_the_states_are_the_same(shape, name):
    parts = whole(name, shape).model.language_model
    torch.manual_seed(1)
    hidden = torch.randn(sum(PROMPTS) + sum(COMPLETIONS), parts.config.hidden_size)
    with torch.no_grad():
        before = hidden.clone()
        ours = flat(parts, places(name), hidden, layers.join(parts))
        assert torch.equal(hidden, before)
        torch.testing.assert_close(ours, stock(parts, places(name), hidden), rtol=1e-4, atol=1e-5)


def test_only_layers_of_plain_narrow_weights_are_joined(shape, monkeypatch):
    parts = whole("llava-qwen2", shape).model.language_model
    attention = parts.layers[0].self_attn
    largest = max(
        sum(p.weight.numel() for p in (attention.q_proj, attention.k_proj, attention.v_proj)),
        2 * parts.layers[0].mlp.up_proj.weight.numel(),
    )
    for limit, joins in ((largest, True), (largest - 1, False)):
        monkeypatch.setattr(layers, "FUSED_AT_MOST", limit)
        assert (layers.join(parts)[0] is not None) == joins
    monkeypatch.undo()

    class Adapted(torch.nn.Linear):
        """Any subclass may compute something else."""

    plain = attention.q_proj
    attention.q_proj = Adapted(plain.in_features, plain.out_features)
    try:
        assert [weights is None for weights in layers.join(parts)] == [True, False]
    finally:
        attention.q_proj = plain
