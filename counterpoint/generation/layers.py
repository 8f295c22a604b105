"""The layers of a Llama-like decoder over a flat row of tokens, with attention handed in by a layout.

The weights are the model's own modules (adapted by LoRA or not); what is computed is what transformers' Llama, Qwen2,
Qwen3, Qwen2-VL and Qwen2.5-VL decoder layers compute, in fewer operations: at small widths the time of a step is their
number. The tests hold it to transformers' own forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch.nn.functional import linear, rms_norm, silu
from transformers.activations import SiLUActivation

FUSED_AT_MOST = 1 << 20  # entries of a joined weight; above it a product costs more than its dispatch
Rotation = tuple[torch.Tensor, torch.Tensor]  # cosine and sine, (tokens, head width) each
Heads = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # query, key and value, (tokens, heads, head width) each


@dataclass(frozen=True)
class Joined:
    """A layer's weights joined, so that what is applied to the same input is one product: queries, keys and values;
    gate and up. `norm` (query and key heads, head width) is None where heads are not normed."""

    qkv: torch.Tensor
    qkv_bias: torch.Tensor | None
    norm: torch.Tensor | None
    up: torch.Tensor
    up_bias: torch.Tensor | None


def join(decoder) -> list[Joined | None]:
    """The joined weights of each layer; None for a layer that is too wide to gain, adapted, or checkpointed.

    Differentiable: gradients reach the layers' own weights. To be made anew whenever those change.
    """
    return [_join(layer) for layer in decoder.layers]


def run(decoder, hidden: torch.Tensor, rotation: Rotation, layout, joined=None) -> torch.Tensor:
    """The decoder's layers and final norm: embedded tokens (tokens, width) to hidden states of that shape.

    rotation: cosine and sine of `rotary`, (tokens, head width) each. `layout.attend(layer, query, key, value, scaling)`
    gets and returns (tokens, heads, head width). joined: `join(decoder)` where it is known. Gradient checkpointing is
    the model's setting. Where the layout names the positions that are `needed`, the last layer computes
    queries for those alone, and only their states are returned.
    """
    joined = join(decoder) if joined is None else joined
    final = len(decoder.layers) - 1
    for number, (layer, weights) in enumerate(zip(decoder.layers, joined, strict=True)):
        needed = layout.needed if number == final else None
        step = partial(_layer, layer, weights, rotation, layout, needed)
        saved = _checkpointed(layer) and torch.is_grad_enabled()
        hidden = layer._gradient_checkpointing_func(step, hidden) if saved else step(hidden)
    return _norm(decoder.norm, hidden)


def rotary(decoder, like: torch.Tensor, positions: torch.Tensor) -> Rotation:
    """Cosine and sine for positions (rows, tokens), or (3, rows, tokens) where they are multimodal: (rows, tokens, head
    width) each. `like` gives device and data type."""
    return decoder.rotary_emb(like, positions)


def _checkpointed(layer) -> bool:
    return layer.training and layer.gradient_checkpointing


def _join(layer) -> Joined | None:
    attention, mlp = layer.self_attn, layer.mlp
    heads, up = (attention.q_proj, attention.k_proj, attention.v_proj), (mlp.gate_proj, mlp.up_proj)
    plain = all(type(module) is torch.nn.Linear for module in (*heads, *up))
    plain = plain and isinstance(mlp.act_fn, torch.nn.SiLU | SiLUActivation)
    largest = max(sum(module.weight.numel() for module in group) for group in (heads, up)) if plain else 0
    if not plain or largest > FUSED_AT_MOST or _checkpointed(layer):
        return None
    norm = None
    if hasattr(attention, "q_norm"):
        pairs = ((attention.q_norm, attention.q_proj), (attention.k_norm, attention.k_proj))
        width = attention.head_dim
        norm = torch.cat([scale.weight.expand(projection.out_features // width, -1) for scale, projection in pairs])
    qkv, qkv_bias = _cat(heads)
    return Joined(qkv, qkv_bias, norm, *_cat(up))


def _cat(modules) -> tuple[torch.Tensor, torch.Tensor | None]:
    bias = None if modules[0].bias is None else torch.cat([module.bias for module in modules])
    return torch.cat([module.weight for module in modules]), bias


def _layer(layer, joined: Joined | None, rotation, layout, needed, hidden: torch.Tensor) -> torch.Tensor:
    attention, mlp = layer.self_attn, layer.mlp
    x = _norm(layer.input_layernorm, hidden)
    if joined is None:
        query, key, value = _heads(attention, x, rotation, needed)
    elif needed is None:
        query, key, value = _joined_heads(attention, joined, x, rotation)
    else:
        query, key, value = _needed_heads(attention, joined, x, rotation, needed)
    mixed = layout.attend(attention.layer_idx, query, key, value, attention.scaling)
    hidden = hidden if needed is None else hidden.index_select(0, needed)
    hidden = hidden + attention.o_proj(mixed.reshape(len(hidden), -1))
    x = _norm(layer.post_attention_layernorm, hidden)
    if joined is None:
        inner = mlp.act_fn(mlp.gate_proj(x)) * mlp.up_proj(x)
    else:
        inner = _Gated.apply(linear(x, joined.up, joined.up_bias))
    return hidden + mlp.down_proj(inner)


def _heads(attention, x: torch.Tensor, rotation, needed) -> Heads:
    asking, asking_rotation = _chosen(x, rotation, needed)
    query = attention.q_proj(asking).view(len(asking), -1, attention.head_dim)
    key, value = (module(x).view(len(x), -1, attention.head_dim) for module in (attention.k_proj, attention.v_proj))
    if hasattr(attention, "q_norm"):
        query, key = _norm(attention.q_norm, query), _norm(attention.k_norm, key)
    return _rotate(query, asking_rotation), _rotate(key, rotation), value


def _chosen(x: torch.Tensor, rotation, needed) -> tuple[torch.Tensor, Rotation]:
    if needed is None:
        return x, rotation
    return x.index_select(0, needed), (rotation[0].index_select(0, needed), rotation[1].index_select(0, needed))


def _joined_heads(attention, joined: Joined, x: torch.Tensor, rotation) -> Heads:
    both = linear(x, joined.qkv, joined.qkv_bias).view(len(x), -1, attention.head_dim)
    kv = attention.k_proj.out_features // attention.head_dim
    heads = both.shape[1] - 2 * kv
    turned, value = both.split([heads + kv, kv], 1)
    if joined.norm is not None:
        turned = _rms_norm(turned, joined.norm, attention.q_norm.variance_epsilon)
    query, key = _rotate(turned, rotation).split([heads, kv], 1)
    return query, key, value


def _needed_heads(attention, joined: Joined, x, rotation, needed) -> Heads:
    """As `_joined_heads`, with queries of the needed rows alone."""
    width = attention.head_dim
    split = attention.q_proj.out_features
    biases = (None, None) if joined.qkv_bias is None else (joined.qkv_bias[:split], joined.qkv_bias[split:])
    asking, asking_rotation = _chosen(x, rotation, needed)
    query = linear(asking, joined.qkv[:split], biases[0]).view(len(asking), -1, width)
    key, value = linear(x, joined.qkv[split:], biases[1]).view(len(x), -1, width).chunk(2, 1)
    if joined.norm is not None:
        epsilon, heads = attention.q_norm.variance_epsilon, split // width
        query, key = _rms_norm(query, joined.norm[:heads], epsilon), _rms_norm(key, joined.norm[heads:], epsilon)
    return _rotate(query, asking_rotation), _rotate(key, rotation), value


def _norm(module, x: torch.Tensor) -> torch.Tensor:
    return _rms_norm(x, module.weight, module.variance_epsilon)


def _rms_norm(x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    if x.dtype != torch.float32:  # in float32 but for the weight, as transformers has it
        return (weight * rms_norm(x.float(), x.shape[-1:], None, epsilon).to(x.dtype)).to(x.dtype)
    if torch.is_grad_enabled():
        return _RmsNorm.apply(x, weight, epsilon)
    return rms_norm(x, x.shape[-1:], None, epsilon).mul_(weight)


def _rotate(x: torch.Tensor, rotation: Rotation) -> torch.Tensor:
    return _Rotate.apply(x, *rotation) if torch.is_grad_enabled() else _rotated(x, *rotation, -1)


class _RmsNorm(torch.autograd.Function):
    """Root mean square norm (arXiv 1910.07467) with its derivative written out: half the time of autograd's."""

    @staticmethod
    def forward(ctx, x, weight, epsilon):
        scale = x.square().mean(-1, keepdim=True).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (x * scale).mul_(weight)

    @staticmethod
    def backward(ctx, grad):
        x, weight, scale = ctx.saved_tensors
        normed = x * scale
        share = grad * normed
        d_weight = share.flatten(0, -1 - weight.dim()).sum(0) if ctx.needs_input_grad[1] else None
        shared = torch.linalg.vecdot(share, weight).div_(-x.shape[-1]).unsqueeze(-1)
        return torch.mul(grad, weight, out=share).addcmul_(normed, shared).mul_(scale), d_weight, None


class _Gated(torch.autograd.Function):
    """SwiGLU (arXiv 2002.05202) of gate and up side by side, (tokens, 2 x width) to (tokens, width); its gradient is
    written in place of being joined from two halves."""

    @staticmethod
    def forward(ctx, both):
        gate, up = both.chunk(2, -1)
        opened = silu(gate)
        ctx.save_for_backward(both, opened)
        return opened * up

    @staticmethod
    def backward(ctx, grad):
        both, opened = ctx.saved_tensors
        gate, up = both.chunk(2, -1)
        d_both = torch.empty_like(both)
        d_gate, d_up = d_both.chunk(2, -1)
        torch.mul(opened, grad, out=d_up)
        torch.ops.aten.silu_backward.grad_input(grad * up, gate, grad_input=d_gate)
        return d_both


class _Rotate(torch.autograd.Function):
    """Rotary position embedding (arXiv 2104.09864): each pair (i, i + width/2) of a head turned by its angle.

    x (tokens, heads, width); cos, sin (tokens, width), their two halves alike. The derivative turns back.
    """

    @staticmethod
    def forward(ctx, x, cos, sin):
        ctx.save_for_backward(cos, sin)
        return _rotated(x, cos, sin, -1)

    @staticmethod
    def backward(ctx, grad):
        return _rotated(grad, *ctx.saved_tensors, 1), None, None


def _rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, sign: int) -> torch.Tensor:
    half = x.shape[-1] // 2
    cos, sin = cos[:, None, :half], sin[:, None, :half]
    first, second = x[..., :half], x[..., half:]
    out = x.new_empty(x.shape)
    torch.mul(first, cos, out=out[..., :half]).addcmul_(second, sin, value=sign)
    torch.mul(second, cos, out=out[..., half:]).addcmul_(first, sin, value=-sign)
    return out
