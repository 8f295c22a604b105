"""`Rows` against `Packed` with one completion a prompt."""

import pytest
import torch

from counterpoint.generation import rows
from counterpoint.generation.attention import Packed


@pytest.mark.parametrize("chunk", [2, 16])
@pytest.mark.parametrize("last", [False, True], ids=["every position", "needed positions"])
def test_rows_attend_as_packed_does(chunk, last, monkeypatch):
    monkeypatch.setattr(rows, "CHUNK", chunk)
    torch.manual_seed(0)
    prompts, completions = [3, 7, 1, 5, 4], [2, 0, 6, 1, 4]
    total = sum(prompts) + sum(completions)
    ours = rows.Rows(prompts, completions)
    theirs = Packed(prompts, completions, list(range(len(prompts))))
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
    layout = rows.Rows([2, 3], [1, 2])
    x = torch.randn(8, 1, 4)
    before = layout.attend(0, x, x, x, 1.0)
    changed = x.clone()
    changed[[0, 1, 5]] += 1  # the first row: its prompt and its completion
    after = layout.attend(0, changed, changed, changed, 1.0)
    assert torch.equal(before[[2, 3, 4, 6, 7]], after[[2, 3, 4, 6, 7]])
    assert not torch.equal(before[[0, 1, 5]], after[[0, 1, 5]])
