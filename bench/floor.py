"""The floor of a step: its matrix operations on distinct tokens, each at the rate of matrices of the very same shape.

A prompt counts once for its group, a picture once for its prompt, a completion's token once; the LM head counts at
completion positions alone, causal attention over the pairs that attend. Generation is a forward pass (prefill, then
one row a live completion at each token), the loss a forward and a backward one. A completion's last token is never an
input. Not counted: norms, softmaxes, sampling, the optimizer, and all that is no matrix product. Two arms may do these
operations in other orders; a step below the floor's seconds would have to do fewer of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Dimensions:
    """What of a model decides its operations. `patches` are the vision tower's tokens for a picture, `image_tokens`
    what of them the decoder reads; `patch_inputs` the numbers in a patch; `projector` (inputs, outputs) of its layers.
    """

    width: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    inner: int
    vocabulary: int
    vision_width: int
    vision_layers: int
    vision_heads: int
    vision_inner: int
    patch_inputs: int
    patches: int
    image_tokens: int
    projector: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Work:
    """A step: distinct prompts, completions of each, mean tokens of a prompt (image tokens included) and of a
    completion (its end token included); whether completions are generated or given."""

    prompts: int
    group: int
    prompt_tokens: float
    completion_tokens: float
    generate: bool


@dataclass(frozen=True)
class Product:
    """`count` products of (batch × rows × inner) by (batch × inner × columns); a fraction counts attending pairs."""

    batch: int
    rows: int
    inner: int
    columns: int
    count: float

    @property
    def operations(self) -> float:
        """Multiplications and additions."""
        return 2 * self.batch * self.rows * self.inner * self.columns * self.count

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, rows, inner, columns)."""
        return self.batch, self.rows, self.inner, self.columns


def dense(rows: float, sizes: list[tuple[int, int, int]], count: float) -> list[Product]:
    """Linear layers on `rows` tokens; `sizes` holds (inputs, outputs, how many of these). Mean tokens may be a
    fraction: the shape is rounded, the count makes up for it."""
    whole = max(1, round(rows))
    return [Product(1, whole, inner, columns, number * count * rows / whole) for inner, columns, number in sizes]


def attention(batch: int, queries: float, head: int, keys: float, count: float) -> list[Product]:
    """Scores (queries × head by head × keys) and their product with the values, rounded as in `dense`."""
    q, k = max(1, round(queries)), max(1, round(keys))
    number = count * queries * keys / (q * k)
    return [Product(batch, q, head, k, number), Product(batch, q, k, head, number)]


def backward(products: list[Product]) -> list[Product]:
    """The two products of each one's backward pass: the gradients of its left and of its right factor."""
    return [Product(p.batch, p.rows, p.columns, p.inner, p.count) for p in products] + [
        Product(p.batch, p.inner, p.rows, p.columns, p.count) for p in products
    ]


def vision(d: Dimensions, pictures: int) -> list[Product]:
    """Vision tower and projector on `pictures` distinct pictures, the patch embedding left out."""
    rows = pictures * d.patches
    block = [
        (d.vision_width, d.vision_width, 4),
        (d.vision_width, d.vision_inner, 1),
        (d.vision_inner, d.vision_width, 1),
    ]
    products = dense(rows, block, d.vision_layers)
    head = d.vision_width // d.vision_heads
    products += attention(pictures * d.vision_heads, d.patches, head, d.patches, d.vision_layers)
    return products + dense(pictures * d.image_tokens, [(i, o, 1) for i, o in d.projector], 1)


def decoder(d: Dimensions) -> list[tuple[int, int, int]]:
    """The linear layers of one decoder block: queries, keys and values, output, gate and up, down."""
    queries, keys = d.heads * d.head, d.kv_heads * d.head
    return [
        (d.width, queries, 1),
        (d.width, keys, 2),
        (queries, d.width, 1),
        (d.width, d.inner, 2),
        (d.inner, d.width, 1),
    ]


def generation(d: Dimensions, work: Work) -> list[Product]:
    """Prefill of the distinct prompts, then a row a completion for each further token."""
    n, g, p, length = work.prompts, work.group, work.prompt_tokens, work.completion_tokens
    rows = n * g
    products = dense(n * d.patches, [(d.patch_inputs, d.vision_width, 1)], 1) + vision(d, n)
    products += dense(n * p, decoder(d), d.layers) + dense(n, [(d.width, d.vocabulary, 1)], 1)
    products += attention(n * d.heads, p, d.head, p, d.layers * (p + 1) / (2 * p))
    steps = length - 1  # the first token comes of the prefill
    products += dense(rows, decoder(d), d.layers * steps) + dense(rows, [(d.width, d.vocabulary, 1)], steps)
    products += attention(n * d.heads, g, d.head, p, d.layers * steps)
    return products + attention(rows * d.heads, 1, d.head, length / 2, d.layers * steps)


def loss(d: Dimensions, work: Work) -> list[Product]:
    """Forward and backward over each prompt once with its completions behind it."""
    n, g, p, length = work.prompts, work.group, work.prompt_tokens, work.completion_tokens
    read = length - 1
    forward = vision(d, n) + dense(n * (p + g * read), decoder(d), d.layers)
    forward += dense(n * g * length, [(d.width, d.vocabulary, 1)], 1)
    forward += attention(n * d.heads, p, d.head, p, d.layers * (p + 1) / (2 * p))
    forward += attention(n * d.heads, g * read, d.head, p, d.layers)
    if read:
        forward += attention(n * g * d.heads, read, d.head, read, d.layers * (read + 1) / (2 * read))
    patches = dense(n * d.patches, [(d.patch_inputs, d.vision_width, 1)], 1)
    # pixels need no gradient: of the patch embedding's backward pass the weights' half is left
    return patches + forward + backward(forward) + backward(patches)[1:]


def step(d: Dimensions, work: Work) -> list[Product]:
    """All products of a step."""
    return (generation(d, work) if work.generate else []) + loss(d, work)


def rate(shape: tuple[int, int, int, int], dtype, device: str, spend: float = 0.03) -> float:
    """Operations a second of one product of that shape: the best of as many calls as fit in `spend` seconds, and of
    three at least after one to warm up."""
    import torch

    batch, rows, inner, columns = shape
    lead = (batch,) if batch > 1 else ()
    left = torch.randn(*lead, rows, inner, dtype=dtype, device=device)
    right = torch.randn(*lead, inner, columns, dtype=dtype, device=device)
    out, best, spent, calls = left @ right, float("inf"), 0.0, 0
    while spent < spend or calls < 3:
        began = time.perf_counter()
        torch.matmul(left, right, out=out)
        if device == "cuda":
            torch.cuda.synchronize()
        took = time.perf_counter() - began
        best, spent, calls = min(best, took), spent + took, calls + 1
    return 2 * batch * rows * inner * columns / best


def rates(products: list[Product], dtype, device: str, rounds: int = 3) -> dict[tuple[int, int, int, int], float]:
    """The rate of each shape, the best of `rounds` passes over all: a disturbance seldom hits one shape thrice."""
    found: dict[tuple[int, int, int, int], float] = {}
    for _ in range(rounds):
        for shape in sorted({p.shape for p in products}):
            found[shape] = max(found.get(shape, 0.0), rate(shape, dtype, device))
    return found


def seconds(products: list[Product], measured: dict[tuple[int, int, int, int], float]) -> float:
    """The products' operations, each over the rate of its shape."""
    return sum(p.operations / measured[p.shape] for p in products)


def dimensions(config) -> Dimensions:
    """The dimensions in a LLaVA configuration (SigLIP tower, every patch read, Qwen3-like decoder)."""
    text, tower = config.text_config, config.vision_config
    patches = (tower.image_size // tower.patch_size) ** 2
    return Dimensions(
        width=text.hidden_size, layers=text.num_hidden_layers, heads=text.num_attention_heads,
        kv_heads=text.num_key_value_heads, head=text.head_dim, inner=text.intermediate_size, vocabulary=text.vocab_size,
        vision_width=tower.hidden_size, vision_layers=tower.num_hidden_layers, vision_heads=tower.num_attention_heads,
        vision_inner=tower.intermediate_size, patch_inputs=tower.num_channels * tower.patch_size**2, patches=patches,
        image_tokens=patches,
        projector=((tower.hidden_size, text.hidden_size), (text.hidden_size, text.hidden_size)),
    )  # fmt: skip


def of_case(case, folder: Path, length: float | None) -> dict:
    """A case's operations and floor in seconds at completions of `length` tokens (gold ones where None), with the
    mean tokens of a prompt and of a completion."""
    import torch

    from bench.cases import load, prompt_text
    from counterpoint.prompt import completion_text

    model, processor, problems = load(case, folder)
    tokenizer, cuda = processor.tokenizer, case.device == "cuda"
    if cuda:
        from bench.gpu import dimensions as measured
    else:
        measured = dimensions
    d = measured(model.config)
    text = [len(tokenizer(prompt_text(processor, asked)).input_ids) - 1 for asked in problems]
    if length is None:
        gold = [completion_text(asked.reasoning, asked.answer) + tokenizer.eos_token for asked in problems]
        length = sum(map(len, tokenizer(gold).input_ids)) / len(gold)
    prompt_tokens = sum(text) / len(text) + d.image_tokens
    products = step(d, Work(case.prompts, case.group, prompt_tokens, length, case.method == "rl"))
    del model
    dtype = torch.bfloat16 if cuda else torch.float32
    operations = sum(p.operations for p in products)
    floor = seconds(products, rates(products, dtype, case.device))
    return {
        "case": case.name, "operations": operations, "floor_seconds": floor, "rate": operations / floor,
        "prompt_tokens": prompt_tokens, "completion_tokens": length,
    }  # fmt: skip
