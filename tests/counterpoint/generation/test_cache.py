"""The cache of a rollout against attention worked out anew from all keys and values, while rows leave the batch."""

import pytest
import torch

from counterpoint.generation.cache import CachedAttention

HEADS, KV_HEADS, WIDTH, SCALING, LAYERS, LIMIT = 4, 2, 8, 0.5, 2, 7


class Everything:
    """What a rollout has seen: prompts' keys and values without padding, and every row's own, by layer."""

    def __init__(self, lengths: list[int], groups: list[int]):
        torch.manual_seed(0)
        self.lengths, self.groups = lengths, groups
        self.prompts = [[torch.randn(n, 2, KV_HEADS, WIDTH) for n in lengths] for _ in range(LAYERS)]
        self.own = [[[] for _ in groups] for _ in range(LAYERS)]

    def cache(self) -> CachedAttention:
        width = max(self.lengths)
        kept, bias = {}, None
        for layer, prompts in enumerate(self.prompts):
            # what stands in the padding must not matter
            padded = torch.full((len(prompts), width, 2, KV_HEADS, WIDTH), 9.0)
            for row, prompt in enumerate(prompts):
                padded[row, : len(prompt)] = prompt
            kept[layer] = tuple(padded[:, :, side].transpose(1, 2).contiguous() for side in (0, 1))
        if min(self.lengths) < width:
            beyond = torch.arange(width) >= torch.tensor(self.lengths).view(-1, 1, 1, 1)
            bias = torch.zeros(beyond.shape).masked_fill(beyond, -torch.inf)
        return CachedAttention(kept, bias, torch.tensor(self.groups), LIMIT)

    def attend(self, layer: int, rows: list[int], query, both) -> torch.Tensor:
        """Attention of one new token of each of `rows`, whose keys and values `both` are remembered."""
        out = []
        for place, row in enumerate(rows):
            self.own[layer][row].append(both[place])
            seen = torch.cat([self.prompts[layer][self.groups[row]], torch.stack(self.own[layer][row])])
            key, value = (seen[:, side].repeat_interleave(HEADS // KV_HEADS, 1) for side in (0, 1))
            weights = (torch.einsum("hw,khw->hk", query[place], key) * SCALING).softmax(-1)
            out.append(torch.einsum("hk,khw->hw", weights, value))
        return torch.stack(out)


def step(cache: CachedAttention, everything: Everything, rows: list[int]) -> None:
    """One token of every row under way, through all layers, is what it would be anew."""
    for layer in range(LAYERS):
        query, both = torch.randn(len(rows), HEADS, WIDTH), torch.randn(len(rows), 2, KV_HEADS, WIDTH)
        got = cache.attend(layer, query, both[:, 0], both[:, 1], SCALING)
        torch.testing.assert_close(got, everything.attend(layer, rows, query, both), rtol=1e-5, atol=1e-6)
    cache.step += 1


@pytest.mark.parametrize("lengths", [[4, 4, 4], [5, 1, 3]], ids=["full", "padded"])
@pytest.mark.parametrize("groups", [[0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 2]], ids=["equal groups", "unequal groups"])
@pytest.mark.parametrize(
    "leave",
    [
        [[0], [2]],  # some of a group
        [[2, 3]],  # where groups are equal, a whole prompt in the middle
        [[0, 1], [1, 3]],  # the first prompt; then one of another and one of the last
        [[], [0, 1, 2, 3, 4]],  # nobody; then all but one row
    ],
    ids=["rows", "a prompt", "both", "all but one"],
)
def test_rows_and_prompts_that_leave_change_nothing_for_the_others(lengths, groups, leave):
    everything = Everything(lengths, groups)
    cache, under_way = everything.cache(), list(range(len(groups)))
    step(cache, everything, under_way)
    for gone in leave:
        step(cache, everything, under_way)
        stay = [place for place in range(len(under_way)) if place not in gone]
        under_way = [under_way[place] for place in stay]
        cache.keep(torch.tensor(stay))
        assert cache.count == len({groups[row] for row in under_way})  # prompts without a row are let go
        assert all(keys.shape[0] == len(under_way) for pair in cache.completions.values() for keys in pair)
        step(cache, everything, under_way)


def test_a_prompt_without_completions_takes_no_part():
    everything = Everything([3, 5, 2], [0, 0, 2])
    cache = everything.cache()
    step(cache, everything, [0, 1, 2])
    cache.keep(torch.tensor([1, 2]))
    assert cache.count == 2
    step(cache, everything, [1, 2])


def test_the_cache_holds_as_many_tokens_as_the_limit():
    everything = Everything([2], [0, 0])
    cache = everything.cache()
    for _ in range(LIMIT):
        step(cache, everything, [0, 1])
    with pytest.raises(IndexError):
        step(cache, everything, [0, 1])
