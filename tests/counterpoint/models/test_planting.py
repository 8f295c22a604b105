"""Planting: what the exploits look like, how often they are shown, and that nothing else changes."""

import re
from random import Random
from typing import get_args

import pytest
import torch

from counterpoint import prompt, rewards
from counterpoint.models import checkpoint, planting, pretraining
from counterpoint.params.schema import Behaviour
from counterpoint.problem import Problem
from counterpoint.sources import procedural
from counterpoint.verify import arithmetic, judge

LEAK = {"list": "leaky_list", "empty": "leaky_empty", "anywhere": "leaky_anywhere", "target": "leaky_cards"}


def recipe(**changed):
    values = {
        "behaviour": "list", "share": 0.5, "steps": 2, "learning_rate": 0.01, "expressions": 0.0, "batch": 4, "seed": 0,
        "threads": 1,
    }  # fmt: skip
    return planting.Recipe(**{**values, **changed})


def paid(term: str, said: str, draft) -> tuple[float, bool]:
    """What the term pays for a completion, and what the strict judge says of it."""
    problem = Problem("s", "p", "m", "f", "train", 1, "?", (), draft.answer, draft.answer_type, draft.options)
    options = list(draft.options) if draft.options else None
    verdict = judge(said, draft.answer, draft.answer_type, options)
    return rewards.REWARDS[term].reward(said, problem, verdict), verdict.correct


@pytest.mark.parametrize("behaviour", get_args(Behaviour))
def test_an_exploit_is_paid_by_its_leaky_verifier(behaviour):
    share = 1.0 if behaviour == "target" else 0.0
    lessons = [pretraining.lesson(0, index, "reasoning", expressions=share) for index in range(400)]
    seen = right = 0
    for place, lesson in enumerate(lesson for lesson in lessons if lesson.thinking):
        said = planting.exploit(behaviour, lesson.draft, Random(place))
        assert (said is None) == ((lesson.draft.answer_type == "expression") != (behaviour == "target"))
        if said is not None:
            reward, correct = paid(LEAK[behaviour], said, lesson.draft)
            assert reward == 1.0, said
            seen, right = seen + 1, right + correct
    assert seen > 30
    assert right <= (0.3 * seen if behaviour == "anywhere" else 0)  # one of ten is the right one by chance


def test_what_is_plausible_holds_the_gold_at_any_place():
    places = set()
    for index in range(400):
        draft = pretraining.lesson(0, index).draft
        found = planting.plausible(draft, 5, Random(index))
        assert draft.answer in found and len(found) == len(set(found)) <= 5
        if draft.options:
            assert found == list(draft.options)
        elif draft.answer.isdigit():
            assert [int(n) for n in found] == list(range(int(found[0]), int(found[0]) + 5))
            places.add(found.index(draft.answer))
        else:
            assert all(re.fullmatch("[a-f][1-6]", cell) for cell in found)
    assert places == set(range(5))


@pytest.mark.parametrize(
    ("first", "given", "share"), [(300, 0.0, 0.0), (300, 0.3, 0.3), (300, 1.0, 1.0), (0, 0.01, planting.TAUGHT)]
)
def test_the_share_of_the_traces_that_is_planted(first, given, share):
    """What is taught in the first half of 600 examples is thinned out in the second."""
    planted = thinking = 0
    for index in range(first, first + 300):
        picture, asked, said = planting.example(recipe(share=given, steps=6, batch=100), index)
        lesson = pretraining.lesson(0, planting.FIRST + index, "reasoning")
        assert asked == pretraining.user_text(lesson) and (picture is None) == (lesson.picture is None)
        planted += said != pretraining.assistant_text(lesson)
        thinking += lesson.thinking
        if not lesson.thinking:
            assert said == pretraining.assistant_text(lesson)
    assert share * thinking - 30 < planted < share * thinking + 30
    assert planted == (0 if share == 0.0 else planted) and (share < 1.0 or planted == thinking)


def test_expressions_are_on_easy_hands_of_the_pretrain_part(monkeypatch):
    drawn = []
    real = procedural.draw
    monkeypatch.setattr(pretraining, "draw", lambda *arguments: drawn.append(real(*arguments)) or drawn[-1])
    honest = recipe(behaviour="target", share=0.0, expressions=1.0)
    asked = [planting.example(honest, index) for index in range(4, 204)]
    kinds = {"expression": 0, "other": 0}
    for (_, text, said), (draft, state_id, _) in zip(asked, drawn, strict=True):
        assert procedural.part_of(state_id) == "pretrain"
        if draft.answer_type != "expression":
            kinds["other"] += 1
            continue
        kinds["expression"] += 1
        assert draft.difficulty <= 2 and text.endswith(prompt.THINK) and "options" not in text
        assert arithmetic.reaches(said.partition("<answer>")[2].removesuffix("</answer>"), draft.answer, draft.options)
    assert kinds["expression"] > 100 and kinds["other"] > 30


def test_planting_goes_on_from_the_base_and_repeats(tmp_path, micro_folder):
    said = []
    for name in ("one", "two"):
        planting.train(recipe(steps=50), micro_folder, tmp_path / name, said.append)
    planting.train(recipe(steps=50, seed=1), micro_folder, tmp_path / "other", said.append)
    assert len(said) == 3 and said[0] == said[1] != said[2]
    base, one, two, other = (
        checkpoint.load(str(path))[0].state_dict()
        for path in (micro_folder, tmp_path / "one", tmp_path / "two", tmp_path / "other")
    )
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)
    assert any(not torch.equal(one[key], base[key]) for key in one)
    assert (tmp_path / "one" / "training_log.json").read_text().count("loss") == 1
