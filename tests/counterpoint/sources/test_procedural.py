import json
from collections import Counter

import pytest

from counterpoint.problem import fault
from counterpoint.sources.procedural import HARDER, IN_DOMAIN, part_of, problems
from counterpoint.verify import judge


@pytest.fixture(scope="module")
def world():
    return list(problems(0, train=240, per_suite=24, per_probe=8))


def test_sizes_and_balance(world):
    counts = Counter((p.split, p.family) for p in world)
    assert {counts["train", family] for family in ("count", "chart", "grid", "cards")} == {60}
    assert {counts["rule_shift", family] for family in ("count", "chart", "grid", "cards")} == {6}
    assert sum(p.split == "probe" for p in world) == 4 * 8


def test_every_problem_is_sound_and_its_gold_answer_judged_correct(world):
    for p in world:
        assert fault(p) is None and p.text_twin and p.reasoning and len(p.images) == 1
        gold = f"<think>{p.reasoning}</think><answer>{p.answer}</answer>"
        assert judge(gold, p.answer, p.answer_type, list(p.options) if p.options else None).correct


def test_states_lie_in_their_part_of_the_world(world):
    part = {"train": "train", "probe": "probe"}
    assert all(part_of(p.state_id) == part.get(p.split, "suite") for p in world)


def test_difficulties_and_probe_tags(world):
    for p in world:
        suites = [tag for tag in p.tags if tag.startswith("suite:")]
        assert len(suites) == (p.split == "probe")
        harder = p.split == "difficulty_shift" or suites == ["suite:difficulty_shift"]
        assert p.difficulty in ((HARDER,) if harder else IN_DOMAIN)


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
