"""The floor's operations against counts by hand on a toy model."""

import pytest

from bench import floor
from bench.floor import Dimensions, Product, Work

TOY = Dimensions(
    width=4, layers=2, heads=2, kv_heads=1, head=2, inner=6, vocabulary=10,
    vision_width=4, vision_layers=1, vision_heads=2, vision_inner=8, patch_inputs=12, patches=3, image_tokens=3,
    projector=((4, 4), (4, 4)),
)  # fmt: skip


def operations(products: list[Product]) -> float:
    return sum(product.operations for product in products)


def test_vision_tower_by_hand():
    # a token: four 4×4 and two 4×8 layers, 2 operations an entry; attention: 3×3 pairs, 4 wide, scores and values
    tower = 3 * 2 * (4 * 16 + 2 * 32) + 2 * 2 * 9 * 4
    projector = 3 * 2 * (16 + 16)
    assert operations(floor.vision(TOY, 1)) == tower + projector
    assert operations(floor.vision(TOY, 5)) == 5 * (tower + projector)


def by_hand(prompts: int, group: int, prompt: int, length: int) -> tuple[float, float]:
    """(generation, loss): every token and every attending pair counted one by one."""
    token = 2 * 2 * (16 + 2 * 8 + 16 + 3 * 24)  # two layers: queries, keys and values, output, three of the MLP
    pair = 2 * 2 * 2 * 4  # two layers, scores and values, two heads of 2
    head = 2 * 4 * 10
    picture, patches = operations(floor.vision(TOY, 1)), 3 * 2 * 12 * 4
    read = length - 1
    prompt_pairs = sum(i + 1 for i in range(prompt))
    own = sum(i + 1 for i in range(read))
    prefill = picture + patches + prompt * token + prompt_pairs * pair + head
    # the keys that a drawn token itself adds are counted at their mean of length / 2
    decode = group * (read * (token + head) + read * (prompt + length / 2) * pair)
    forward = picture + (prompt + group * read) * token + group * length * head
    forward += (prompt_pairs + group * (read * prompt + own)) * pair
    return prompts * (prefill + decode), prompts * (3 * forward + 2 * patches)


@pytest.mark.parametrize("prompts, group, prompt, length", [(1, 1, 5, 4), (2, 3, 7, 6), (4, 8, 9, 2), (3, 4, 6, 1)])
def test_a_step_by_hand(prompts, group, prompt, length):
    work = Work(prompts, group, prompt, length, generate=True)
    generation, loss = by_hand(prompts, group, prompt, length)
    assert operations(floor.generation(TOY, work)) == pytest.approx(generation)
    assert operations(floor.loss(TOY, work)) == pytest.approx(loss)
    assert operations(floor.step(TOY, work)) == pytest.approx(generation + loss)
    given = Work(prompts, group, prompt, length, generate=False)
    assert operations(floor.step(TOY, given)) == pytest.approx(loss)


def test_means_between_whole_tokens_count_in_full():
    """Shapes are whole, operations are not: what rounding takes from a shape, the count gives back."""
    assert operations(floor.dense(10.4, [(3, 4, 1)], 2)) == pytest.approx(2 * 10.4 * 12 * 2)
    assert operations(floor.attention(2, 2.4, 4, 6.6, 1)) == pytest.approx(2 * 2 * 2 * 2.4 * 6.6 * 4)


def test_backward_pairs_the_right_shapes():
    (left, right) = floor.backward([Product(2, 3, 5, 7, 1.0)])
    assert left.shape == (2, 3, 7, 5) and right.shape == (2, 5, 3, 7)


def test_seconds_take_each_shape_at_its_own_rate():
    products = [Product(1, 2, 3, 4, 10), Product(1, 2, 3, 5, 1)]
    assert floor.seconds(products, {(1, 2, 3, 4): 480.0, (1, 2, 3, 5): 30.0}) == 1 + 2


def test_a_rate_is_that_of_the_product():
    import torch

    torch.set_num_threads(1)
    small = floor.rate((1, 2, 8, 8), torch.float32, "cpu", spend=0.002)
    large = floor.rate((1, 256, 256, 256), torch.float32, "cpu", spend=0.01)
    assert 0 < small < large  # a call's fixed cost weighs on a small product


def test_dimensions_of_a_checkpoint(loaded, shape):
    model, _ = loaded
    d = floor.dimensions(model.config)
    assert (d.width, d.layers, d.inner) == (shape.text_width, shape.text_layers, shape.text_inner)
    assert (d.vision_width, d.vision_inner, d.patches) == (shape.vision_width, shape.vision_inner, 36)
    linear = sum(i * o * n for i, o, n in floor.decoder(d)) * d.layers
    stored = sum(p.numel() for n, p in model.named_parameters() if "language_model.layers" in n and p.dim() == 2)
    assert linear == stored
