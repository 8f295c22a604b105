"""The competence card: what it holds, and that it asks about nothing that was trained on."""

import json
import shutil

import pytest

from counterpoint.errors import UserError
from counterpoint.sources import procedural
from counterpoint.suites import OWN
from stages import competence


def test_an_unknown_base_names_its_neighbour(mini):
    with pytest.raises(UserError, match=r"no base 'mimi' in bases; did you mean 'mini'\?"):
        competence.program(["mimi"])


def test_captions_are_of_states_that_no_training_sees(monkeypatch):
    drawn = []
    real = procedural.draw
    monkeypatch.setattr(procedural, "draw", lambda *arguments: drawn.append(real(*arguments)) or drawn[-1])
    pairs = competence.captioned(0, "in_domain", 6)
    assert all(procedural.part_of(state_id) == "suite" for _, state_id, _ in drawn)
    assert sorted({draft.difficulty for draft, *_ in drawn}) == sorted(procedural.IN_DOMAIN)
    for shown in pairs.values():
        assert len(shown) == 6
        assert all(picture.decode().size == (48, 48) and caption for picture, caption in shown)


def test_a_card_has_every_suite_and_condition(mini, micro_folder):
    folder = mini()
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    competence.program(["mini"])
    card = json.loads((folder / "metrics/competence/mini.json").read_text())
    assert (card["base"], card["problems_per_suite"]) == ("mini", 4)
    assert set(card["accuracy"]) == set(OWN)
    assert all(set(found) == {"normal", "no_image", "shuffled_image"} for found in card["accuracy"].values())
    assert set(card["captions_exactly_right"]["in_domain"]) == {"count", "chart", "grid", "cards"}
    assert card["in_domain_sampled"].keys() == {"problems", "samples", "pass@1"}
    first = (folder / "metrics/competence/mini.json").read_bytes()
    competence.program(["mini"])
    assert (folder / "metrics/competence/mini.json").read_bytes() == first
