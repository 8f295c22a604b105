"""Decoding: the same answers whatever the batches, and repeatable samples."""

import random
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

from counterpoint.generation import architecture, decode
from counterpoint.generation.completion import Decoding
from counterpoint.generation.decode import generate
from counterpoint.generation.prompts import Preparer
from counterpoint.problem import Picture, encode_png
from counterpoint.suites import SUITES
from counterpoint.suites.views import View, views

GREEDY, SAMPLED = Decoding(6), Decoding(6, samples=1)


def texts(completions):
    return [c.text for c in completions]


@pytest.fixture
def mixed(problems):
    """12 views of many lengths, with a picture, with words and with neither."""
    shown = views(problems[:5], "think first .")
    worded = views(problems[:4], "think first .", SUITES["text_twin"])
    return [*shown, *worded, *views(problems[5:8], "answer only .", condition="no_image")]


@pytest.fixture
def lively(loaded):
    """The micro model with its weights scaled up: one that has opinions, so that greedy ties do not occur."""
    model, processor = loaded
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)
    return model, processor


def test_greedy_answers_do_not_depend_on_batches_or_order(lively, mixed):
    wanted = generate(*lively, mixed, GREEDY, 12)
    assert len(set(texts(wanted))) > 6
    for size in (1, 5):
        assert generate(*lively, mixed, GREEDY, size) == wanted
    order = list(range(len(mixed)))
    random.Random(0).shuffle(order)
    shuffled = generate(*lively, [mixed[i] for i in order], GREEDY, 4)
    assert shuffled == [wanted[i] for i in order]


def test_samples_repeat_by_seed_and_leave_the_global_random_state(lively, mixed):
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    drawn = [texts(generate(*lively, mixed, SAMPLED, 6, seed=seed)) for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] != texts(generate(*lively, mixed, GREEDY, 6))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == random.getstate()
    assert (states[2] == np.random.get_state()[1]).all()


def test_temperature_and_top_p_are_heeded(lively, mixed):
    greedy = texts(generate(*lively, mixed, GREEDY, 6))
    cold = generate(*lively, mixed, Decoding(6, samples=1, temperature=1e-4), 6, seed=1)
    narrow = generate(*lively, mixed, Decoding(6, samples=1, top_p=1e-6), 6, seed=1)
    assert texts(cold) == texts(narrow) == greedy


@pytest.mark.parametrize("training", [True, False])
def test_the_models_mode_is_restored(loaded, mixed, training):
    model, processor = loaded
    model.train(training)
    generate(model, processor, mixed[:1], Decoding(2), 1)
    assert model.training is training


def test_a_checkpoints_own_settings_do_not_change_an_answer(lively, mixed, monkeypatch):
    before = texts(generate(*lively, mixed, SAMPLED, 12, seed=5))
    settings = lively[0].generation_config
    for key, value in {"repetition_penalty": 5.0, "no_repeat_ngram_size": 1, "min_p": 0.9, "num_beams": 2}.items():
        monkeypatch.setattr(settings, key, value)
    assert texts(generate(*lively, mixed, SAMPLED, 12, seed=5)) == before


def test_an_answer_cut_by_the_limit_is_flagged(lively, mixed):
    model, processor = lively
    free = generate(model, processor, mixed, GREEDY, 12)
    assert all(c.truncated and c.tokens == 6 for c in free)
    first = processor.tokenizer(free[0].text).input_ids[0]
    model.generation_config.eos_token_id = [processor.tokenizer.eos_token_id, first]
    ended = generate(model, processor, mixed[:1], GREEDY, 1)[0]
    assert (ended.text, ended.tokens, ended.truncated) == ("", 1, False)


def test_what_cannot_be_shared_is_decoded_by_generate_alike(lively, mixed, monkeypatch):
    model, processor = lively
    free = generate(model, processor, mixed, GREEDY, 12)
    # words of some answers end them now, at different steps
    tokens = {processor.tokenizer(c.text).input_ids[place] for c, place in zip(free[::3], (0, 1, 2, 4), strict=True)}
    model.generation_config.eos_token_id = [processor.tokenizer.eos_token_id, *tokens]
    wanted = generate(model, processor, mixed, GREEDY, 12)
    assert len({c.tokens for c in wanted}) > 2 and {c.truncated for c in wanted} == {True, False}
    calls = []
    inner = decode._stock
    monkeypatch.setattr(decode, "_stock", lambda *a: (calls.append(len(a[2])), inner(*a))[1])
    monkeypatch.setattr(architecture, "unsupported", lambda model: "not read")
    assert generate(model, processor, mixed, GREEDY, 5) == wanted
    assert sum(calls) == len(mixed)


@pytest.mark.parametrize("limit", [1 << 28, 1], ids=["all kept", "hardly any kept"])
def test_prompts_kept_for_the_next_call_give_the_same_answers(lively, mixed, monkeypatch, limit):
    model, processor = lively
    wanted = generate(model, processor, mixed, GREEDY, 5)
    prepared = Preparer(model, processor, limit)
    calls = []
    monkeypatch.setattr(prepared, "processor", lambda **k: (calls.append(len(k["text"])), processor(**k))[1])
    assert generate(model, processor, mixed, GREEDY, 5, prepared=prepared) == wanted
    assert sum(calls) == len(set(mixed))
    calls.clear()
    order = mixed[::-1]
    assert generate(model, processor, order, GREEDY, 4, prepared=prepared) == wanted[::-1]
    assert (calls == []) == (limit > 1)
    assert prepared.size <= limit or len(prepared.made) == 1


def large(count: int) -> list[View]:
    """Views of one text and a picture each: 12 megabytes decoded."""
    images = [Image.new("RGB", (2500, 1600), (10 * place, 90, 250 - 10 * place)) for place in range(count)]
    return [View("how many ?", (Picture.of(encode_png(image)),)) for image in images]


def test_large_pictures_are_decoded_a_few_at_a_time_and_seen_as_all_at_once(lively, monkeypatch):
    model, processor = lively
    wanted = large(16)
    alive, inner = [], Picture.decode

    def spied(picture):
        image = inner(picture)
        alive.append(weakref.ref(image))
        return image

    def process(**given):
        most.append(sum(image() is not None for image in alive))
        return processor(**given)

    most, prepared = [], Preparer(model, processor)
    monkeypatch.setattr(prepared, "processor", process)
    monkeypatch.setattr(Picture, "decode", spied)
    found = prepared.get(wanted, lambda new: [("<image>how many ?", view.images) for view in new])
    assert len(alive) == 16 and max(most) <= 8 and len(most) > 2
    images = [[inner(view.images[0])] for view in wanted]
    whole = processor(text=["<image>how many ?"] * 16, images=images, add_special_tokens=False, padding=False)
    assert torch.equal(
        torch.stack([pixels[0] for pixels in found.pixels]), torch.tensor(np.stack(whole["pixel_values"]))
    )
    assert [ids.tolist() for ids in found.ids] == whole["input_ids"]


def test_the_stock_path_takes_fewer_large_pictures_at_a_time(lively, monkeypatch):
    model, processor = lively
    wanted = large(3)
    monkeypatch.setattr(architecture, "unsupported", lambda model: "not read")
    answers = generate(model, processor, wanted, Decoding(4), 3)
    calls, inner = [], model.generate
    monkeypatch.setattr(model, "generate", lambda **k: (calls.append(len(k["input_ids"])), inner(**k))[1])
    monkeypatch.setattr(decode, "STOCK_DECODED", 1)
    assert generate(model, processor, wanted, Decoding(4), 3) == answers
    assert calls == [1, 1, 1]


def test_a_model_never_answers_with_a_picture(loaded, mixed):
    model, processor = loaded
    with torch.no_grad():
        model.get_input_embeddings().weight[model.config.image_token_id] *= 100  # tied: its favourite word
    completions = generate(model, processor, mixed[:3], Decoding(4, samples=1), 3)
    assert all(c.tokens == 4 for c in completions)
    assert not any("<image>" in c.text for c in completions)


def test_nothing_wanted_nothing_done(loaded):
    assert generate(*loaded, [], Decoding(4), 8) == []


def test_a_sample_follows_from_its_own_seed_alone(lively, mixed):
    wanted = [view for view in mixed for _ in range(3)]
    seeds = [10 * place + index for place in range(len(mixed)) for index in range(3)]
    drawn = generate(*lively, wanted, SAMPLED, len(wanted), seed=seeds)
    assert len(set(texts(drawn))) > len(mixed)
    for size in (1, 5):
        assert generate(*lively, wanted, SAMPLED, size, seed=seeds) == drawn
    order = random.Random(0).sample(range(len(wanted)), 11)
    part = [wanted[i] for i in order], [seeds[i] for i in order]
    assert generate(*lively, part[0], SAMPLED, 4, seed=part[1]) == [drawn[i] for i in order]
    others = generate(*lively, wanted, SAMPLED, 36, seed=[seed + 1000 for seed in seeds])
    assert sum(a.text == b.text for a, b in zip(drawn, others, strict=True)) < len(wanted) / 2


def test_greedy_answers_have_no_use_for_seeds(lively, mixed):
    assert generate(*lively, mixed, GREEDY, 5, seed=range(12)) == generate(*lively, mixed, GREEDY, 5)


def test_every_batch_is_told_as_it_ends(lively, mixed):
    told = []
    found = generate(*lively, mixed, GREEDY, 5, done=lambda places, made: told.append((places, made)))
    assert all(0 < len(places) <= 5 for places, _ in told) and len(told) >= 3
    assert sorted(place for places, _ in told for place in places) == list(range(len(mixed)))
    for places, made in told:
        assert made == [found[place] for place in places]


def test_what_was_told_before_an_interruption_is_right(lively, mixed):
    """A store is filled from `done`, so what it was told may not depend on what comes after."""
    told = {}

    def stop(places, made):
        told.update(zip(places, made, strict=True))
        if len(told) >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(*lively, mixed, GREEDY, 3, done=stop)
    found = generate(*lively, mixed, GREEDY, 12)
    assert 6 <= len(told) < len(mixed) and told == {place: found[place] for place in told}
