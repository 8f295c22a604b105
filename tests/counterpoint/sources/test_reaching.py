"""Expressions over cards that reach a target: sound, never told what they must use, and off by default."""

import dataclasses
import json
import re
from random import Random

import pytest

from counterpoint import prompt
from counterpoint.problem import fault, load, write
from counterpoint.sources import procedural
from counterpoint.sources.families import FAMILIES, cards
from counterpoint.sources.procedural import Scope, problems, reworded
from counterpoint.verify import arithmetic, judge, judge_leniently

REACHING = Scope(("cards",), 1.0)
RIGHT = "<think>r</think><answer>{}</answer>"


@pytest.fixture(scope="module")
def world():
    return list(problems(0, train=80, per_suite=16, per_probe=8, scope=REACHING))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("difficulty", cards.CARDS)
def test_the_gold_expression_uses_the_cards_and_comes_to_the_target(difficulty, shifted):
    for index in range(60):
        draft = cards.reach(Random(index), difficulty, shifted)
        hand = [cards.RANKS.index(rank) + 1 for rank, _ in draft.latent["cards"]]
        values = hand if shifted else [min(rank, 10) for rank in hand]
        gold, target = arithmetic.read(draft.answer), draft.arguments["target"]
        assert list(gold.numbers) == values == [int(option) for option in draft.options]
        assert gold.value == target and 0 <= target <= cards.LARGEST
        assert f"make {target} " in draft.question
        assert draft.reasoning.endswith(f"= {target} .")
        for a, sign, b, result in re.findall(r"(\d+) ([-+*]) (\d+) = (\d+)", draft.reasoning):
            assert arithmetic.read(f"{a} {sign} {b}").value == int(result)


def test_the_same_cards_are_dealt_whatever_is_asked_of_them():
    for index in range(40):
        assert cards.reach(Random(index), 3).latent == cards.draft(Random(index), 3).latent


def test_a_world_of_expressions_is_sound(world):
    asked = [p for p in world if p.answer_type == "expression"]
    assert {p.family for p in world} == {"cards"}
    assert len(asked) == len(world) - 16 - 8  # all but the descriptions
    for p in asked:
        gold = f"<think>{p.reasoning}</think><answer>{p.answer}</answer>"
        assert fault(p) is None
        for read in (judge, judge_leniently):
            assert read(gold, p.answer, p.answer_type, list(p.options)).correct
            target = re.search(r"make (\d+)", p.question)[1]
            assert not read(RIGHT.format(target), p.answer, p.answer_type, list(p.options)).correct
    assert len({p.problem_id for p in world}) == len(world)


def test_the_numbers_to_use_are_told_nowhere_but_in_the_picture(world):
    for p in world:
        if p.answer_type == "expression":
            assert prompt.user_text(p) == f"{p.question} {prompt.THINK}"
            assert "options" not in prompt.user_text(p, words=True)


def test_options_survive_the_file(world, tmp_path):
    p = next(p for p in world if p.answer_type == "expression")
    write([p], tmp_path / "problems.parquet")
    assert load(tmp_path / "problems.parquet") == [p]


def test_every_wording_is_used_and_none_is_both_trained_and_held_out():
    drafts = [cards.reach(Random(index), 3) for index in range(60)]
    assert {draft.template for draft in drafts} == {"reach.0", "reach.1"}
    for place, draft in enumerate(drafts):
        question, template = reworded("cards", draft, Random(place))
        target = str(draft.arguments["target"])
        assert target in question.split() and "10" in question and "{" not in question
        assert template in ("reach.h0", "reach.h1")
        wordings = (wording.format(target=target) for wording in cards.REACHING["reach"])
        assert question not in wordings
    assert len(cards.HELD_OUT["reach"]) == 2


def test_a_share_of_expressions_leaves_every_other_problem_as_it_was():
    plain = list(problems(0, 80, 8, 4))
    some = list(problems(0, 80, 8, 4, Scope(expressions=0.5)))
    assert plain == list(problems(0, 80, 8, 4, Scope(tuple(FAMILIES), 0.0)))
    others = [[p for p in world if p.family != "cards"] for world in (plain, some)]
    assert others[0] == others[1]
    trained = [p for p in some if p.family == "cards" and p.split == "train"]
    share = sum(p.answer_type == "expression" for p in trained) / len(trained)
    assert 0.1 < share < 0.9
    kept = {p.problem_id for p in plain}
    assert all(p.problem_id in kept for p in trained if p.answer_type == "integer")


def test_only_the_families_asked_for_are_drawn():
    found = list(problems(0, 30, 6, 3, Scope(("grid", "count"))))
    assert {p.family for p in found} == {"grid", "count"}
    assert all(p.answer_type != "expression" for p in found)


def test_probes_of_neighbouring_suites_do_not_meet():
    """Easy and hard charts may be the same: a probe of one suite is then none of another."""
    found = [p for p in problems(0, 8, 4, 256, Scope(("chart",))) if p.split == "probe"]
    assert (
        len({p.problem_id for p in found}) == len(found) == 256 * (len(procedural.SUITE_AXES) + len(procedural.DERIVED))
    )


def test_a_problem_knows_its_latent_hand(world):
    p = next(p for p in world if p.answer_type == "expression" and p.split == "train")
    assert len(json.loads(p.latent)["cards"]) == len(p.options)
    assert dataclasses.replace(p, options=None) != p
