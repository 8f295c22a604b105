"""The plant stage: recipes from params.yaml to checkpoints, and an empty list where there are none."""

import json

import pytest

from counterpoint.errors import UserError
from counterpoint.models import checkpoint, pretraining
from stages import base, plant

RECIPE = (
    "plants={mini_list: {base: mini, behaviour: list, share: 0.5, steps: 2, learning_rate: 0.01, expressions: 0.0, "
    "batch: 4, seed: 0, threads: 1}}"
)


def test_without_plants_only_the_list_is_written(mini):
    folder = mini() / "data/models/planted"
    (folder / "left_behind").mkdir(parents=True)
    plant.program([])
    assert json.loads((folder / "plants.json").read_text()) == {}
    assert [path.name for path in folder.iterdir()] == ["plants.json"]


def test_each_recipe_becomes_a_checkpoint(mini, monkeypatch):
    monkeypatch.setattr(
        pretraining, "corpus", lambda seed: [t for i in range(60) for t in pretraining.example(seed, i)[1:]]
    )
    folder = mini(RECIPE)
    base.program(["mini"])
    plant.program([])
    planted = folder / "data/models/planted"
    assert json.loads((planted / "plants.json").read_text())["mini_list"]["behaviour"] == "list"
    model, processor = checkpoint.load(str(planted / "mini_list"))
    before, _ = checkpoint.load("data/models/base/mini")
    assert processor.tokenizer.eos_token == "<eos>"
    assert any(
        not (one == other).all()
        for one, other in zip(model.state_dict().values(), before.state_dict().values(), strict=True)
    )


def test_it_takes_no_arguments(mini):
    with pytest.raises(UserError, match="takes no arguments"):
        plant.program(["mini_list"])
