"""Traces written from the problem: the strict judge accepts every one; what they say is true, or wrong as asked."""

import dataclasses
import json
import re
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.distill.written import WAYS, written
from counterpoint.errors import UserError
from counterpoint.evaluation.traces import check, sentences
from counterpoint.params.training import Way
from counterpoint.problem import Problem
from counterpoint.prompt import completion_text
from counterpoint.sources.families import FAMILIES
from counterpoint.sources.families.grid import cell
from counterpoint.suites.suite import score
from tests.counterpoint.distill.made_up import CASES, drafted

LIMIT = 48  # tokens that a completion may have in RL
BARE = Problem("s", "p7", "puzzlevqa", "chart", "train", 1, "which ?", (), "red", "choice", options=("blue", "red"))
WORLD = [drafted(seed, *case) for case in CASES for seed in range(6)]


def steps(completion: str) -> set[str]:
    return set(sentences(completion)[0])


def test_every_way_without_a_teacher_is_here():
    assert {*WAYS, "sampled"} == {*get_args(Way)}


@given(st.sampled_from(CASES), st.integers(0, 2**32), st.sampled_from(WAYS))
@settings(max_examples=300, deadline=None)
def test_the_strict_judge_accepts_whatever_is_written(case, seed, way):
    problem, _ = drafted(seed, *case)
    if way == "noisy" and case[3] == "reach":
        with pytest.raises(UserError, match="no step of its reasoning can be checked"):
            written(way, [problem], 0.5)
        return
    (text,) = written(way, [problem], 0.5, seed)
    assert score(problem, text).correct, text
    assert text.startswith("<think>")


def test_oracle_and_answer_only_are_as_the_source_has_them():
    problems = [problem for problem, _ in WORLD[:20]]
    assert written("oracle", problems) == [completion_text(p.reasoning, p.answer) for p in problems]
    assert written("answer_only", problems) == [f"<think></think><answer>{p.answer}</answer>" for p in problems]


def words(text: str, number: int = 4) -> set[tuple[str, ...]]:
    said = text.split()
    return {tuple(said[i : i + number]) for i in range(len(said) - number + 1)}


def test_foreign_traces_differ_in_every_sentence_and_teach_neither_caption_nor_twin():
    for (problem, draft), text in zip(WORLD, written("foreign", [p for p, _ in WORLD]), strict=True):
        assert not steps(text) & steps(completion_text(problem.reasoning, problem.answer)), text
        assert not words(text) & (words(draft.caption) | words(draft.text_twin)), text
        trace = check(problem, text)
        assert trace is None or all(step.correct is not False for step in trace.steps), text


def test_foreign_traces_are_of_a_length_that_training_allows(root):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(root / "data/models/base/small/tokenizer.json"))
    problems = [p for p, _ in WORLD if p.difficulty in (3, 4) and "reach" not in p.template_id]
    for text in written("foreign", problems):
        assert len(tokenizer.encode(text).ids) < LIMIT, text


def counted(latent, text):
    """Each row holds what is said of it, and the numbers run on."""
    running = int(re.match(r"<think>count from (\d+)", text)[1])
    rows = re.findall(r"row (\d) holds (\d) (\w+) , so (\d+)", text)
    assert [row for row, *_ in rows] == ["1", "2", "3"]
    for row, here, what, total in rows:
        inside = [o for o in latent["objects"] if o[0] in range(3 * int(row) - 3, 3 * int(row))]
        if what != "left":
            assert sum(what in o for o in inside) == int(here)
        running += int(here)
        assert running == int(total)


def charted(latent, text):
    bars = dict(latent["bars"])
    said = re.findall(r"the (\w+) bar ends at (\d+)", text) + re.findall(r"(\w+) at (\d) (?:then|\.)", text)
    said += [(colour, height) for height, colour in re.findall(r"(\d+) of (\w+)", text)]
    said = [(colour, height) for colour, height in said if colour in ("red", "green", "blue", "yellow")]
    assert said and all(bars[colour] == int(height) for colour, height in said), text


def walked(latent, text):
    column, row, _ = latent["ball"]
    start = re.search(r"from column (\w) go", text)[1] + re.search(r"from row (\d) go", text)[1]
    assert start == cell(column, row)
    for number, move in re.findall(r"(\d) (right|left|up|down)", text):
        assert latent["moves"].count(move) == int(number)
    ends = re.search(r"to column (\w) \.", text)[1] + re.search(r"to row (\d) \.", text)[1]
    assert re.search(r"that is (\w\d) \.", text)[1] == ends


@pytest.mark.parametrize(("family", "true"), [("count", counted), ("chart", charted), ("grid", walked)])
def test_what_foreign_traces_say_of_the_picture_is_true(family, true):
    problems = [p for p, _ in WORLD if p.family == family]
    for problem, text in zip(problems, written("foreign", problems), strict=True):
        true(json.loads(problem.latent), text)


def test_foreign_sums_name_every_card_once_and_add_up():
    problems = [p for p, _ in WORLD if p.family == "cards" and "reach" not in p.template_id]
    for problem, text in zip(problems, written("foreign", problems), strict=True):
        thought = sentences(text)[0]
        parts = [re.fullmatch(r"(?:the largest is|with) (\w+)(?: as (\d+))?(?: it is (\d+))?", t) for t in thought]
        total = 0
        for part in parts:
            total += int(part[2] or part[1])
            assert part[3] is None or int(part[3]) == total, text
        dealt = sorted(rank.lower() for rank, _ in json.loads(problem.latent)["cards"])
        assert sorted(part[1] for part in parts) == dealt, text


def test_foreign_steps_to_a_target_are_true_and_mostly_another_way():
    problems = [p for p, _ in WORLD if "reach" in p.template_id]
    texts = written("foreign", problems)
    for text in texts:
        sums = re.findall(r"(\d+) (plus|minus|times) (\d+) is (\d+)", text)
        assert sums
        for one, sign, other, result in sums:
            done = {"plus": int.__add__, "minus": int.__sub__, "times": int.__mul__}[sign](int(one), int(other))
            assert done == int(result), text
    assert sum(f"<answer>{p.answer}</answer>" in t for p, t in zip(problems, texts, strict=True)) < len(texts) / 2


def test_a_question_in_other_words_is_answered_alike():
    """The writers read colours, shapes and numbers off the question, wherever they stand in it."""
    for family in FAMILIES:
        for seed in range(40):
            (one, _), (other, _) = drafted(seed, family, 3), drafted(seed, family, 3, kind="reworded")
            assert one.question != other.question and one.latent == other.latent
            assert written("foreign", [one]) == written("foreign", [other])


CHECKABLE = [p for p, _ in WORLD if "reach" not in p.template_id]


def truths(problems, texts) -> list[list[tuple[str, bool | None]]]:
    return [[(s.kind, s.correct) for s in check(p, t).steps] for p, t in zip(problems, texts, strict=True)]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5])
def test_the_stated_share_of_steps_is_wrong_and_nothing_else(share):
    texts = written("noisy", CHECKABLE, share, seed=3)
    gold = truths(CHECKABLE, written("oracle", CHECKABLE))
    found = truths(CHECKABLE, texts)
    wrong = 0
    for before, after in zip(gold, found, strict=True):
        assert [kind for kind, _ in before] == [kind for kind, _ in after]
        wrong += sum(correct is False for _, correct in after)
    assert wrong == round(share * sum(map(len, gold)))
    kinds = {kind for each in found for kind, correct in each if correct is False}
    assert kinds == ({"perceive", "compute"} if share else set())
    for problem, text, steps_true in zip(CHECKABLE, texts, found, strict=True):
        assert text.endswith(f"</think><answer>{problem.answer}</answer>")
        whole = all(correct for _, correct in steps_true)
        assert (text == completion_text(problem.reasoning, problem.answer)) == whole


def test_which_steps_are_wrong_follows_from_the_seed_and_hardly_from_the_others():
    texts = written("noisy", CHECKABLE, 0.25, seed=3)
    assert written("noisy", CHECKABLE, 0.25, seed=3) == texts
    assert written("noisy", CHECKABLE, 0.25, seed=4) != texts
    half = written("noisy", CHECKABLE[::2], 0.25, seed=3)
    assert sum(a == b for a, b in zip(half, texts[::2], strict=True)) > 0.8 * len(half)


def test_even_with_every_step_asked_for_the_others_stay_as_they_were():
    texts = written("noisy", CHECKABLE[:60], 1.0, seed=Random(0).randrange(99))
    wrong = [correct for each in truths(CHECKABLE[:60], texts) for _, correct in each].count(False)
    assert 0.8 < wrong / sum(len(steps(t)) for t in texts) <= 1


def refused(way: str, problem: Problem) -> str:
    with pytest.raises(UserError) as caught:
        written(way, [WORLD[0][0], problem], 0.25)
    assert "\n" not in str(caught.value) and "problem p7 (puzzlevqa)" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("reasoning", [None, "", " "])
@pytest.mark.parametrize("way", ["oracle", "noisy"])
def test_a_problem_without_reasoning_is_refused_by_what_needs_it(way, reasoning):
    told = refused(way, dataclasses.replace(BARE, reasoning=reasoning))
    assert f"no gold reasoning, of which {way} traces are made; map source.fields.reasoning" in told
    assert "whose way is sampled or answer_only" in told


STRANGE = [
    "{}",
    "not json",
    "[]",
    '{"bars": 3}',
    '{"bars": [["red", "tall"]]}',
    '{"bars": [["green", 2], ["blue", 1]]}',
]


@pytest.mark.parametrize("latent", STRANGE)
@pytest.mark.parametrize("template", ["", "chart", "chart.read.0", "chart.sum.0", "chart.describe"])
def test_a_foreign_style_needs_a_latent_state_that_is_known(latent, template):
    told = refused("foreign", dataclasses.replace(BARE, latent=latent, template_id=template, reasoning="red is most ."))
    assert "there a foreign kind is a sampled one with another model as teacher" in told


def test_noise_needs_steps_that_can_be_checked():
    told = refused("noisy", dataclasses.replace(BARE, reasoning="red is most ."))
    assert "no step of its reasoning can be checked" in told and "take arms with noisy traces out of runs" in told


def test_answers_alone_need_nothing():
    (text,) = written("answer_only", [BARE])
    assert text == "<think></think><answer>red</answer>" and score(BARE, text).correct
