"""Samples of a teacher: the same whatever the batches, whatever else is asked, and after a kill."""

import pytest

from counterpoint.distill import sampled
from counterpoint.evaluation.answers import Decoding, Model
from counterpoint.evaluation.store import Store
from counterpoint.generation import decode
from counterpoint.models import checkpoint
from counterpoint.suites.views import views

ASKED = "think first ."
FOUR = Decoding(6, samples=4)


@pytest.fixture(scope="module")
def lively(lively_folder):
    return checkpoint.load(str(lively_folder))


@pytest.fixture
def teach(lively):
    def teach(problems, store=None, size=8, decoding=FOUR, seed=0):
        model = Model(sampled.identity("w", seed), lambda: lively, store)
        return sampled.sample(model, problems, ASKED, decoding, size)

    return teach


def test_each_problem_gets_its_samples_in_order(teach, lively, problems):
    found = teach(problems)
    assert [len(each) for each in found] == [4] * 16
    assert teach(problems[::-1]) == found[::-1]
    assert all(len({c.text for c in each}) > 1 for each in found)


@pytest.mark.parametrize("size", [1, 5, 512])
def test_neither_the_batch_size_nor_company_changes_a_sample(teach, problems, size):
    asked = problems[:8]
    wanted = teach(asked)
    assert teach(asked, size=size) == wanted
    assert teach(asked[3:6], size=size) == wanted[3:6]
    assert [each[:2] for each in wanted] == teach(asked, size=size, decoding=Decoding(6, samples=2))


def test_another_seed_draws_other_samples(teach, problems):
    one, other = teach(problems), teach(problems, seed=1)
    same = sum(a == b for first, second in zip(one, other, strict=True) for a, b in zip(first, second, strict=True))
    assert same < 16


@pytest.fixture
def batches(monkeypatch) -> list[list]:
    """The requests of each batch that is generated."""
    found = []
    real = decode._shared
    monkeypatch.setattr(
        decode, "_shared", lambda m, p, requested, *a: (found.append(requested), real(m, p, requested, *a))[1]
    )
    return found


def killed_after(number: int, store: Store, monkeypatch) -> Store:
    """The store of a process that is killed when so many batches are kept."""
    put, kept = store.put, []

    def kept_or_killed(keys, completions):
        if len(kept) == number:
            raise KeyboardInterrupt
        put(keys, completions)
        kept.append(len(keys))

    monkeypatch.setattr(store, "put", kept_or_killed)
    return store


def test_after_a_kill_what_is_missing_is_asked_in_the_batches_it_would_have_had(
    teach, problems, tmp_path, monkeypatch, batches
):
    wanted = teach(problems)
    whole = batches.copy()
    assert [len(batch) for batch in whole] == [8] * 8
    batches.clear()
    with pytest.raises(KeyboardInterrupt):
        teach(problems, killed_after(3, Store(tmp_path / "s"), monkeypatch))
    assert batches == whole[:4]
    batches.clear()
    assert teach(problems, Store(tmp_path / "s")) == wanted
    assert batches == whole[3:]
    batches.clear()
    assert teach(problems, Store(tmp_path / "s")) == wanted and not batches


@pytest.mark.parametrize("size", [8, 2])  # the samples of two problems, half of those of one
def test_a_teacher_whose_prompts_cannot_be_shared_goes_on_just_so(
    teach, problems, tmp_path, monkeypatch, batches, size
):
    """transformers' `generate` draws for a batch: only where its batches stay the same do its samples."""
    monkeypatch.setattr(decode.architecture, "unsupported", lambda model: "made so by the test")
    wanted = teach(problems[:6], size=size)
    with pytest.raises(KeyboardInterrupt):
        teach(problems[:6], killed_after(1, Store(tmp_path / "s"), monkeypatch), size)
    assert teach(problems[:6], Store(tmp_path / "s"), size) == wanted and not batches


def test_the_store_is_named_by_all_that_the_samples_follow_from(problems, monkeypatch):
    shown = views(problems, ASKED)
    plain = {"weights": "w", "seed": 0, "shown": shown, "decoding": FOUR, "batch_size": 8, "threads": 1}
    others = [
        {}, {"weights": "v"}, {"seed": 1}, {"shown": shown[1:]}, {"shown": views(problems, "answer only .")},
        {"decoding": Decoding(7, samples=4)}, {"decoding": Decoding(6, samples=5)}, {"batch_size": 9}, {"threads": 2},
        {"decoding": Decoding(6, 4, temperature=0.9)}, {"decoding": Decoding(6, 4, top_p=0.9)},
    ]  # fmt: skip
    names = [sampled.fingerprint(**{**plain, **change}) for change in others]
    monkeypatch.setattr(sampled, "generator", lambda: "other code")
    names.append(sampled.fingerprint(**plain))
    assert len(set(names)) == len(names)
