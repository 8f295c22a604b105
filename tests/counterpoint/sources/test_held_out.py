"""Held-out wordings: whole sentences in words that the bases know, never a sentence of training, the same answer."""

import re
from random import Random

import pytest

from counterpoint.sources.families import FAMILIES
from counterpoint.sources.families.cards import REACHING
from counterpoint.sources.procedural import IN_DOMAIN, reworded


def drafts(family: str, number: int = 300) -> list:
    return [FAMILIES[family].draft(Random(f"{family}{i}"), IN_DOMAIN[i % len(IN_DOMAIN)]) for i in range(number)]


def asked_of(family: str) -> set[str]:
    """The operations of the default study; expressions over cards have tests of their own (test_reaching.py)."""
    return set(FAMILIES[family].held_out) - set(REACHING)


def pattern(wording: str) -> str:
    """A training wording as a pattern of the questions it makes: {moves} is a walk, the others are words."""
    walk = re.escape(wording).replace(r"\{moves\}", "(?:left|right|up|down| )+")
    return re.sub(r"\\\{\w+\\\}", r"\\S+", walk)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_in_domain_operation_has_held_out_words_and_no_shifted_rule_has(family):
    asked = {draft.template.partition(".")[0] for draft in drafts(family)}
    shifted = {FAMILIES[family].draft(Random(i), 3, True).template.partition(".")[0] for i in range(40)}
    assert asked_of(family) == asked and not asked & shifted
    assert all(wordings for wordings in FAMILIES[family].held_out.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_all_is_filled_and_no_question_is_as_training_words_it(family):
    trained = [pattern(wording) for wordings in FAMILIES[family].wordings.values() for wording in wordings]
    used = set()
    for place, draft in enumerate(drafts(family)):
        assert any(re.fullmatch(t, draft.question) for t in trained)
        question, template = reworded(family, draft, Random(place))
        assert not re.search(r"None|[{}]|\s\s|^\s|\s$", question), question
        assert not any(re.fullmatch(t, question) for t in trained), question
        operation = draft.template.partition(".")[0]
        assert re.fullmatch(rf"{operation}\.h\d", template) and template not in draft.template
        used.add(template)
    assert used == {f"{op}.h{i}" for op in asked_of(family) for i in range(len(FAMILIES[family].held_out[op]))}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_answer_hangs_on_is_said(family):
    """Whatever of the draft the training's own question names, the held-out one names too."""
    names = {"red", "green", "blue", "yellow", "circle", "square", "triangle", "left", "right", "up", "down"}
    for place, draft in enumerate(drafts(family, 60)):
        question, _ = reworded(family, draft, Random(place))
        # "how many are left ?" is no direction
        said, wanted = (
            sorted(w for w in re.findall(r"[a-z]+|\d+", q) if w.rstrip("s") in names or w.isdigit())
            for q in (question, draft.question)
        )
        own = {draft.arguments.get(key) for key in ("colour", "shape", "first", "second")} | {"10"}
        if family == "grid":
            assert " ".join(draft.latent["moves"]) in question
        else:
            kept = {w.rstrip("s") for w in wanted if w.rstrip("s") in own or w.isdigit()}
            assert kept <= {w.rstrip("s") for w in said}, (question, draft.question)


def test_a_difference_is_asked_the_right_way_round():
    """The larger bar stands first, but after "from" or "away"."""
    asked = 0
    for place, draft in enumerate(drafts("chart")):
        if draft.template.startswith("difference"):
            question, _ = reworded("chart", draft, Random(place))
            high, low = draft.arguments["first"], draft.arguments["second"]
            heights = dict(draft.latent["bars"])
            assert int(draft.answer) == heights[high] - heights[low] > 0
            words = question.split()
            reverse = "from" in words
            assert (words.index(high) < words.index(low)) != reverse
            asked += 1
    assert asked > 30


def test_every_word_is_one_that_the_bases_were_taught():
    known = {
        word
        for module in FAMILIES.values()
        for place in range(100)
        for draft in [module.draft(Random(place), 1 + place % 5, place % 2 == 1)]
        for text in (draft.question, draft.reasoning, draft.caption, draft.text_twin)
        for word in text.split()
    }
    for family in FAMILIES:
        questions = [reworded(family, draft, Random(place))[0] for place, draft in enumerate(drafts(family))]
        # of "larger" they were taught the other degree alone
        assert {word for question in questions for word in question.split()} - known <= {"larger"}


def test_the_same_draw_gives_the_same_words():
    draft = drafts("chart", 1)[0]
    assert reworded("chart", draft, Random(5)) == reworded("chart", draft, Random(5))
