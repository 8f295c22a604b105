"""The plant stage: a recipe from params.yaml to a checkpoint."""

import pytest

from counterpoint.errors import UserError
from counterpoint.models import checkpoint, pretraining
from stages import base, plant

RECIPE = (
    "plants={mini_list: {base: mini, behaviour: list, share: 0.5, steps: 2, learning_rate: 0.01, expressions: 0.0, "
    "batch: 4, seed: 0, threads: 1}}"
)


def test_a_recipe_becomes_a_checkpoint(mini, monkeypatch):
    monkeypatch.setattr(
        pretraining, "corpus", lambda seed: [t for i in range(60) for t in pretraining.example(seed, i)[1:]]
    )
    folder = mini(RECIPE)
    base.program(["mini"])
    plant.program(["mini_list"])
    model, processor = checkpoint.load(str(folder / "data/models/planted/mini_list"))
    before, _ = checkpoint.load("data/models/base/mini")
    assert processor.tokenizer.eos_token == "<eos>"
    assert any(
        not (one == other).all()
        for one, other in zip(model.state_dict().values(), before.state_dict().values(), strict=True)
    )


def test_an_unknown_plant_names_its_neighbour(mini):
    mini(RECIPE)
    with pytest.raises(UserError, match="no plant 'mini_lst' in plants; did you mean 'mini_list'"):
        plant.program(["mini_lst"])
    with pytest.raises(UserError, match="no plant ''"):
        plant.program([])
