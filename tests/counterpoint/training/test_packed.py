"""The head's fused scores against plain log_softmax: values, entropies, hits and every gradient."""

import pytest
import torch
from torch.nn.functional import linear

from counterpoint.training import packed

ROWS, WIDTH, VOCABULARY = 23, 12, 37


@pytest.fixture(params=["kept", "worked out again"])
def path(request, monkeypatch):
    """Whether probabilities are kept for the backward pass; both ways five rows at a time, the last part short."""
    monkeypatch.setattr(packed, "COMPUTED_AT_ONCE", 5 * VOCABULARY + 1)
    monkeypatch.setattr(packed, "KEPT_FOR_BACKWARD", ROWS * VOCABULARY - (request.param != "kept"))


def inputs(bias: bool = True) -> tuple:
    """Hidden states, weight and bias that take gradients, and targets, a third of which score highest."""
    torch.manual_seed(0)
    hidden, weight = torch.randn(ROWS, WIDTH), torch.randn(VOCABULARY, WIDTH)
    offsets = torch.randn(VOCABULARY) if bias else None
    targets = torch.randint(VOCABULARY, (ROWS,))
    targets[::3] = linear(hidden, weight, offsets).argmax(-1)[::3]
    given = [None if x is None else x.requires_grad_() for x in (hidden, weight, offsets)]
    return *given, targets


def plain(hidden, weight, bias, targets, temperature: float = 1.0) -> tuple:
    logs = (linear(hidden, weight, bias) / temperature).log_softmax(-1)
    values = logs.gather(1, targets.unsqueeze(1)).squeeze(1)
    return values, -(logs.exp() * logs).sum(-1), logs.argmax(-1) == targets


def gradients(scores, given, parts=(0, 1)) -> tuple:
    """Of a sum in which each row's value (part 0) and entropy (part 1) has a weight of its own."""
    rows = torch.linspace(-1, 2, ROWS)
    total = sum((scores[part] * (rows, rows.flip(0))[part]).sum() for part in parts)
    return torch.autograd.grad(total, [x for x in given[:3] if x is not None])


def assert_close(ours, theirs) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_scores_and_gradients_are_those_of_log_softmax(path, bias, temperature):
    given = inputs(bias)
    got, wanted = packed.score(*given, temperature), plain(*given, temperature)
    assert 5 < int(wanted[2].sum()) < ROWS and torch.equal(got[2], wanted[2])
    assert not got[2].requires_grad
    assert_close(got[:2], wanted[:2])
    assert_close(gradients(got, given), gradients(wanted, given))


@pytest.mark.parametrize("part", [0, 1], ids=["values", "entropies"])
def test_a_loss_may_be_made_of_one_of_the_two(path, part):
    given = inputs()
    assert_close(*(gradients(f(*given), given, [part]) for f in (packed.score, plain)))


def test_what_is_frozen_gets_no_gradient(path):
    hidden, weight, bias, targets = inputs()
    packed.score(hidden, weight.detach(), bias.detach(), targets)[0].sum().backward()
    assert_close([hidden.grad], torch.autograd.grad(plain(hidden, weight, bias, targets)[0].sum(), [hidden]))
    assert weight.grad is None and bias.grad is None


def test_a_token_that_is_never_drawn_weighs_nothing(path):
    """A bias of minus infinity, as of a suppressed token: no value, entropy or gradient turns into a NaN."""
    given = hidden, weight, bias, targets = inputs()
    targets[targets == 7] = 8
    without = [*range(7), *range(8, VOCABULARY)]
    with torch.no_grad():
        bias[7] = -torch.inf
    got = packed.score(*given)
    wanted = plain(hidden, weight[without], bias[without], targets - (targets > 7).long())
    assert_close(got[:2], wanted[:2])
    assert_close(gradients(got, given), gradients(wanted, given))


def test_scores_far_apart_do_not_overflow(path):
    given = inputs()
    with torch.no_grad():
        given[0].mul_(100)
    got, wanted = packed.score(*given), plain(*given)
    assert wanted[0].min() < -200
    assert_close(got[:2], wanted[:2])
    assert_close(gradients(got, given), gradients(wanted, given))


def test_no_rows_no_scores_and_zero_gradients():
    hidden, weight, bias, targets = inputs()
    got = packed.score(hidden[:0], weight, bias, targets[:0])
    assert [len(x) for x in got] == [0, 0, 0]
    (got[0].sum() + got[1].sum()).backward()
    assert all(not x.grad.any() for x in (hidden, weight, bias))


def test_both_paths_are_taken(monkeypatch):
    """What is saved tells them apart, and nothing is kept where no gradient is asked for."""
    saved = []
    for limit in (ROWS * VOCABULARY, ROWS * VOCABULARY - 1):
        monkeypatch.setattr(packed, "KEPT_FOR_BACKWARD", limit)
        with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(tuple(x.shape)) or x, lambda x: x):
            packed.score(*inputs())
        saved.append(None)
    first, second = saved[: saved.index(None)], saved[saved.index(None) + 1 : -1]
    assert (ROWS, VOCABULARY) in first and (ROWS, VOCABULARY) not in second
