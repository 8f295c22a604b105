"""Attention over shared prompts: the fused form against the plain one, the flat layout against one dense mask."""

import pytest
import torch

from counterpoint.generation import attention
from counterpoint.generation.attention import GroupedAttention, PairedAttention

HEADS, KV_HEADS, WIDTH, SCALING = 4, 2, 8, 0.5
LAYOUTS = {
    "equal": ([4, 4], [3, 3, 3, 3], [0, 0, 1, 1]),
    "prompts of unequal length": ([5, 2, 7], [3, 3, 3], [0, 1, 2]),
    "unequal groups, one of none": ([3, 6, 4], [2, 5, 3, 4], [2, 0, 2, 2]),
    "completions of length 0 and 1": ([5, 3], [0, 1, 4, 0, 1], [0, 0, 1, 1, 1]),
    "a prompt whose completions are empty": ([2, 4], [0, 0, 3], [0, 0, 1]),
    "prompts of one token": ([1, 1], [2, 1], [1, 0]),
    "prompts alone": ([3, 5], [], []),
    "prompts and empty completions": ([3, 5], [0, 0], [1, 0]),
}


def assert_close(ours, theirs) -> None:
    """By norm: what is small beside the rest is known no better than the rest."""
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine - other).norm() <= 1e-4 * other.norm() + 1e-6


def gradients(out, given) -> tuple:
    """Of a sum in which every entry has a weight of its own."""
    return torch.autograd.grad((out * torch.linspace(-1, 2, out.numel()).view(out.shape)).sum(), given)


@pytest.mark.parametrize(
    ("lengths", "longest", "group", "scale"),
    [
        ([6, 6, 6], 5, 3, 1.0),
        ([6, 1, 4], 5, 3, 1.0),
        ([6, 1, 4], 5, 1, 1.0),
        ([6, 1, 4], 1, 3, 1.0),
        ([6, 1, 4], 5, 3, 30.0),  # nearly all weight on one token
        ([600, 3, 40], 70, 2, 1.0),  # beyond the kernel's blocks, of which some hold nothing but padding
    ],
)
def test_the_fused_cascade_is_the_plain_one(lengths, longest, group, scale):
    torch.manual_seed(0)
    count = len(lengths)
    own = [torch.randn(count * group, HEADS, longest, WIDTH, requires_grad=True) for _ in range(3)]
    past = [torch.randn(count, HEADS, max(lengths), WIDTH, requires_grad=True) for _ in range(2)]
    bias = None
    if min(lengths) < max(lengths):
        beyond = torch.arange(max(lengths)) >= torch.tensor(lengths).view(-1, 1, 1, 1)
        bias = torch.zeros(beyond.shape).masked_fill(beyond, -torch.inf)
    given = (own[0], *past, *own[1:])
    results = [f(*given, SCALING * scale, bias) for f in (attention.cascade, attention._plain_cascade)]
    assert "_Cascade" in type(results[0].grad_fn).__name__
    assert_close(*([result] for result in results))
    found = [gradients(result, given) for result in results]
    assert_close(*found)
    assert all(gradient.norm() > 0.1 for gradient in found[0])
    if bias is not None:  # what lies beyond a prompt bears on nothing
        assert not found[0][1][1, :, lengths[1] :].any()


def test_completions_weigh_their_prompt_and_themselves_under_one_softmax():
    """By hand: one head of width 1, two prompt tokens and one of the completion's own, scores 0, log 2 and log 5."""
    query = torch.ones(1, 1, 1, 1)
    prompt_key, key = torch.tensor([1.0, 2.0]).log().view(1, 1, 2, 1), torch.tensor(5.0).log().view(1, 1, 1, 1)
    prompt_value, value = torch.tensor([8.0, 16.0]).view(1, 1, 2, 1), torch.full((1, 1, 1, 1), 32.0)
    for form in (attention.cascade, attention._plain_cascade):
        assert form(query, prompt_key, prompt_value, key, value, 1.0, None).item() == pytest.approx((8 + 32 + 160) / 8)


def dense(prompts, completions, groups, query, key, value) -> torch.Tensor:
    """The whole flat row under one mask: a token sees what comes before it in its prompt or completion, and the prompt
    of its completion."""
    owner = torch.cat([torch.full((n,), i) for i, n in enumerate([*prompts, *completions])])
    prompt = torch.tensor([*range(len(prompts)), *groups])[owner]
    before = torch.ones(len(owner), len(owner), dtype=torch.bool).tril()
    of_prompt = owner < len(prompts)
    sees = before & (owner.unsqueeze(1) == owner) | ~of_prompt.unsqueeze(1) & of_prompt & (
        prompt.unsqueeze(1) == prompt
    )
    key, value = (x.repeat_interleave(HEADS // KV_HEADS, 1) for x in (key, value))
    scores = torch.einsum("qhw,khw->hqk", query, key) * SCALING
    return torch.einsum("hqk,khw->qhw", scores.masked_fill(~sees, -torch.inf).softmax(-1), value)


@pytest.mark.parametrize("needed", [False, True], ids=["all queries", "needed queries"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_is_one_dense_mask(layout, needed):
    """Grouped-query heads throughout; of the needed queries alone, the result is theirs."""
    torch.manual_seed(0)
    prompts, completions, groups = LAYOUTS[layout]
    packed = GroupedAttention(prompts, completions, groups)
    tokens = sum(prompts) + sum(completions)
    query = torch.randn(tokens, HEADS, WIDTH, requires_grad=True)
    key, value = (torch.randn(tokens, KV_HEADS, WIDTH, requires_grad=True) for _ in range(2))
    rows = packed.needed if needed else torch.arange(tokens)
    ours = packed.attend(0, query[rows], key, value, SCALING)
    wanted = dense(prompts, completions, groups, query, key, value)[rows]
    assert_close([ours], [wanted])
    assert_close(*(gradients(out, (query, key, value)) for out in (ours, wanted)))


def test_needed_are_the_states_that_predict_a_completion_token():
    packed = GroupedAttention([3, 1, 2], [2, 0, 1], [0, 2, 2])
    assert packed.needed.tolist() == [2, 3, 5, 6, 7, 8]
    assert GroupedAttention([2, 4], [], []).needed.tolist() == [1, 5]


def test_what_is_kept_for_decoding_are_the_prompts_keys_and_values():
    torch.manual_seed(0)
    prompts = [2, 4]
    packed = GroupedAttention(prompts, [], [], keep=True)
    query, key, value = torch.randn(6, HEADS, WIDTH), torch.randn(6, KV_HEADS, WIDTH), torch.randn(6, KV_HEADS, WIDTH)
    packed.attend(5, query, key, value, SCALING)
    assert list(packed.cache) == [5]
    for flat, kept in zip((key, value), packed.cache[5], strict=True):
        assert kept.shape == (2, KV_HEADS, 4, WIDTH)
        for row, part in enumerate(flat.split(prompts)):
            assert torch.equal(kept[row, :, : len(part)], part.transpose(0, 1))
    assert packed.prompt_bias.flatten(1).tolist() == [[0, 0, -torch.inf, -torch.inf], [0, 0, 0, 0]]
    assert GroupedAttention(prompts, [], []).cache is None
    assert GroupedAttention([3, 3], [], [], keep=True).prompt_bias is None


@pytest.mark.parametrize("chunk", [2, 16])
@pytest.mark.parametrize("last", [False, True], ids=["every position", "needed positions"])
def test_rows_attend_as_packed_does(chunk, last, monkeypatch):
    monkeypatch.setattr(attention, "CHUNK", chunk)
    torch.manual_seed(0)
    prompts, completions = [3, 7, 1, 5, 4], [2, 0, 6, 1, 4]
    total = sum(prompts) + sum(completions)
    ours = PairedAttention(prompts, completions)
    theirs = GroupedAttention(prompts, completions, list(range(len(prompts))))
    assert ours.needed.tolist() == theirs.needed.tolist()
    query, key, value = torch.randn(total, 4, 8), torch.randn(total, 2, 8), torch.randn(total, 2, 8)
    given = [x.requires_grad_() for x in (query[ours.needed] if last else query, key, value)]
    slope = torch.randn(given[0].shape)
    found = []
    for layout in (ours, theirs):
        out = layout.attend(0, *given, 0.3)
        found.append([out, *torch.autograd.grad(out, given, slope)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_no_row_sees_another():
    layout = PairedAttention([2, 3], [1, 2])
    x = torch.randn(8, 1, 4)
    before = layout.attend(0, x, x, x, 1.0)
    changed = x.clone()
    changed[[0, 1, 5]] += 1  # the first row: its prompt and its completion
    after = layout.attend(0, changed, changed, changed, 1.0)
    assert torch.equal(before[[2, 3, 4, 6, 7]], after[[2, 3, 4, 6, 7]])
    assert not torch.equal(before[[0, 1, 5]], after[[0, 1, 5]])
