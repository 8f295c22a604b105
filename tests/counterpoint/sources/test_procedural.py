import dataclasses
import json
from collections import Counter

import pytest

from counterpoint import prompt
from counterpoint.errors import UserError
from counterpoint.problem import fault
from counterpoint.sources import prove, text
from counterpoint.sources.families import FAMILIES
from counterpoint.sources.procedural import DERIVED, EASY, HARDER, IN_DOMAIN, SUITE_AXES, part_of, problems
from counterpoint.suites import OWN
from counterpoint.verify import judge


@pytest.fixture(scope="module")
def world():
    return list(problems(0, train=240, per_suite=24, per_probe=8))


def test_sizes_and_balance(world):
    counts = Counter((p.split, p.family) for p in world)
    assert {counts["train", family] for family in ("count", "chart", "grid", "cards")} == {60}
    assert {counts["rule_shift", family] for family in ("count", "chart", "grid", "cards")} == {6}
    assert {p.split for p in world} == {"train", "probe", *SUITE_AXES, *DERIVED}
    probed = Counter(tag for p in world if p.split == "probe" for tag in p.tags if tag.startswith("suite:"))
    assert probed == {f"suite:{suite}": 8 for suite in (*SUITE_AXES, *DERIVED)}


def test_every_problem_is_sound_and_its_gold_answer_judged_correct(world):
    for p in world:
        assert fault(p) is None and len(p.images) == 1
        described = "suite:perception" in p.tags or p.split == "perception"
        assert bool(p.text_twin) == bool(p.reasoning) == (not described)
        gold = f"<think>{p.reasoning}</think><answer>{p.answer}</answer>"
        assert judge(gold, p.answer, p.answer_type, list(p.options) if p.options else None).correct


def test_states_lie_in_their_part_of_the_world(world):
    part = {"train": "train", "probe": "probe"}
    assert all(part_of(p.state_id) == part.get(p.split, "suite") for p in world)


def test_difficulties_and_probe_tags(world):
    for p in world:
        suites = [tag.removeprefix("suite:") for tag in p.tags if tag.startswith("suite:")]
        assert len(suites) == (p.split == "probe")
        suite = suites[0] if suites else p.split
        assert p.difficulty in {"difficulty_shift": (HARDER,), "easier": EASY}.get(suite, IN_DOMAIN)


def test_rules_of_the_shift_are_never_trained_on(world):
    templates = {split: {p.template_id for p in world if p.split == split} for split in ("train", "rule_shift")}
    assert not templates["train"] & templates["rule_shift"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_problems(world):
    again = list(problems(0, train=240, per_suite=24, per_probe=8))
    other = list(problems(1, train=240, per_suite=24, per_probe=8))
    assert again == world
    ids = [{p.problem_id for p in w if p.split == "train"} for w in (world, other)]
    assert len(ids[0] & ids[1]) < 60
    assert all(json.loads(p.latent) for p in world)


def of(problem) -> str:
    """The id of the in-domain problem that a derived one is made of."""
    (found,) = (tag for tag in problem.tags if tag.startswith("of:"))
    return found.removeprefix("of:")


@pytest.mark.parametrize("suite", DERIVED)
@pytest.mark.parametrize("probed", [False, True])
def test_a_derived_problem_has_the_state_and_picture_of_its_own(world, suite, probed):
    def members(name):
        tag = f"suite:{name}"
        return [p for p in world if (p.split == "probe" and tag in p.tags if probed else p.split == name)]

    own = {p.problem_id: p for p in members("in_domain")}
    derived = members(suite)
    assert sorted(of(p) for p in derived) == sorted(own) and len(derived) == (8 if probed else 24)
    for p in derived:
        plain = own[of(p)]
        for column in ("state_id", "images", "latent", "family", "difficulty"):
            assert getattr(p, column) == getattr(plain, column), column
        assert p.problem_id != plain.problem_id and p.template_id != plain.template_id
        if suite == "held_out_prompts":
            assert p.question != plain.question
            for column in ("answer", "answer_type", "options", "reasoning", "text_twin"):
                assert getattr(p, column) == getattr(plain, column), column
        else:
            assert (p.question, p.answer_type, p.options) == (prompt.DESCRIBE, "text", None)
            assert (p.reasoning, p.text_twin) == (None, None)


def test_descriptions_are_the_families_own_and_tell_states_apart(world):
    described = [p for p in world if p.split == "perception"]
    for p in described:
        latent = json.loads(p.latent)
        parts = p.answer.split(" , ")
        said = {"count": "objects", "chart": "bars", "cards": "cards"}.get(p.family)
        assert len(parts) == (len(latent[said]) if said else 1)
    assert len({p.answer for p in described}) >= len({p.state_id for p in described}) - 2


def test_no_derived_question_is_asked_in_training(world):
    trained = {p.question for p in world if p.split == "train"}
    templates = {p.template_id for p in world if p.split == "train"}
    for p in world:
        if p.split in DERIVED:
            assert p.question not in trained and p.template_id not in templates


def test_training_probes_and_suites_share_no_state(world):
    whole = [*world, *text.problems(0, 24, 8)]
    prove(whole, list(OWN), "procedural")
    states = {"train": set(), "probe": set(), "suite": set()}
    for p in whole:
        states[p.split if p.split in states else "suite"].add(p.state_id)
    assert not (states["train"] & states["probe"] or states["train"] & states["suite"])
    assert not states["probe"] & states["suite"]
    planted = next(p for p in whole if p.split == "held_out_prompts")
    moved = [dataclasses.replace(p, state_id=planted.state_id) if p.split == "train" else p for p in whole]
    with pytest.raises(UserError, match="both in train and in suites"):
        prove(moved, list(OWN), "procedural")


def test_easier_problems_ask_of_the_same_families(world):
    easier = [p for p in world if p.split == "easier"]
    assert {p.family for p in easier} == set(FAMILIES) and {p.difficulty for p in easier} == set(EASY)
