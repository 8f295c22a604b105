"""Answers from the store or from the model: nothing twice, and a sample that does not depend on what else is asked."""

import pytest

from counterpoint.evaluation.answers import Decoding, Model, answer
from counterpoint.evaluation.store import Store, weights_digest
from counterpoint.generation import decode
from counterpoint.models import checkpoint
from counterpoint.suites.views import views

GREEDY, TWO, EIGHT = Decoding(6), Decoding(6, samples=2), Decoding(6, samples=8)


@pytest.fixture(scope="module")
def lively(lively_folder):
    return checkpoint.load(str(lively_folder))


@pytest.fixture
def asked(problems):
    """Views of 7 problems, the first of them twice."""
    return views([*problems[:7], problems[0]], "think first .")


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """How many completions each call of `generate` was asked for."""
    found = []
    real = decode.generate
    monkeypatch.setattr(decode, "generate", lambda *a, **k: (found.append(len(a[2])), real(*a, **k))[1])
    return found


def never():
    pytest.fail("a model was loaded")


def test_a_second_call_generates_nothing_and_loads_no_model(tmp_path, lively, asked, calls):
    store = Store(tmp_path / "s")
    first = Model("w", lambda: lively, store)
    wanted = [answer(first, asked, decoding, 4) for decoding in (GREEDY, TWO)]
    assert calls == [7, 14] and first.generated == 21
    again = Model("w", never, Store(tmp_path / "s"))
    assert [answer(again, asked, decoding, 4) for decoding in (GREEDY, TWO)] == wanted
    assert again.generated == 0 and calls == [7, 14]


def test_a_model_is_loaded_once_and_only_when_needed(lively, asked):
    loads = []
    model = Model("w", lambda: loads.append(1) or lively)
    assert answer(model, [], GREEDY, 4) == [] and not loads
    answer(model, asked[:1], GREEDY, 4)
    answer(model, asked[1:2], GREEDY, 4)
    assert loads == [1] and model.generated == 2


def test_other_weights_are_asked_anew(tmp_path, lively, asked, calls):
    for weights in ("w", "v", "w"):
        answer(Model(weights, lambda: lively, Store(tmp_path / "s")), asked, GREEDY, 4)
    assert calls == [7, 7]


def test_each_view_gets_its_own_completions_in_order(lively, asked):
    greedy = answer(Model("w", lambda: lively), asked, GREEDY, 4)
    assert [len(found) for found in greedy] == [1] * 8
    plain = decode.generate(*lively, asked, GREEDY, 8)
    assert [found[0] for found in greedy] == plain and len({c.text for c in plain}) > 4
    sampled = answer(Model("w", lambda: lively), asked, EIGHT, 5)
    assert [len(found) for found in sampled] == [8] * 8
    assert all(len({c.text for c in found}) > 1 for found in sampled)


def test_what_is_asked_twice_is_generated_once(lively, asked, calls):
    model = Model("w", lambda: lively)
    for decoding in (GREEDY, TWO):
        found = answer(model, asked, decoding, 4)
        assert found[0] == found[-1]
    assert calls == [7, 14] and model.generated == 21


def test_the_nth_of_two_samples_is_the_nth_of_eight(tmp_path, lively, asked, calls):
    eight = answer(Model("w", lambda: lively), asked, EIGHT, 16)
    assert [found[:2] for found in eight] == answer(Model("w", lambda: lively), asked, TWO, 16)
    store = Store(tmp_path / "s")
    calls.clear()
    for decoding in (TWO, EIGHT):
        found = answer(Model("w", lambda: lively, store), asked, decoding, 16)
    assert found == eight and calls == [14, 42]  # of the eight, two were there


@pytest.mark.parametrize("size", [1, 3, 64])
def test_the_batch_size_changes_no_sample(lively, asked, size):
    wanted = answer(Model("w", lambda: lively), asked, TWO, 16)
    assert answer(Model("w", lambda: lively), asked, TWO, size) == wanted


def test_neither_order_nor_company_changes_a_sample(lively, asked):
    wanted = answer(Model("w", lambda: lively), asked, TWO, 4)
    assert answer(Model("w", lambda: lively), asked[::-1], TWO, 4) == wanted[::-1]
    assert answer(Model("w", lambda: lively), asked[3:5], TWO, 4) == wanted[3:5]


def test_samples_change_with_weights_and_settings(lively, asked):
    """Their random numbers follow from the key, so that two models do not share their luck."""
    wanted = answer(Model("w", lambda: lively), asked, TWO, 8)
    for weights, decoding in (("v", TWO), ("w", Decoding(6, 2, temperature=0.9)), ("w", Decoding(6, 2, top_p=0.9))):
        found = answer(Model(weights, lambda: lively), asked, decoding, 8)
        same = sum(a == b for one, other in zip(found, wanted, strict=True) for a, b in zip(one, other, strict=True))
        assert same < 8


def test_what_is_done_when_it_is_interrupted_is_kept(tmp_path, lively, asked, monkeypatch, calls):
    store = Store(tmp_path / "s")
    put = store.put
    done = []

    def killed(keys, completions):
        put(keys, completions)
        done.extend(keys)
        if len(done) >= 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(store, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        answer(Model("w", lambda: lively, store), asked, GREEDY, 2)
    model = Model("w", lambda: lively, Store(tmp_path / "s"))
    found = answer(model, asked, GREEDY, 2)
    assert model.generated == 7 - len(done) and calls == [7, 7 - len(done)]
    assert found == answer(Model("w", lambda: lively), asked, GREEDY, 2)


def test_a_store_knows_a_checkpoint_wherever_it_lies(lively_folder, micro_folder):
    assert weights_digest(str(lively_folder)) != weights_digest(str(micro_folder))
