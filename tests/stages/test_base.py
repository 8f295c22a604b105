"""The base stage: a recipe from params.yaml to a checkpoint like any other."""

import json

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.models import checkpoint, pretraining
from stages import base


def test_an_unknown_base_names_its_neighbour(mini):
    with pytest.raises(UserError, match=r"no base 'mimi'; did you mean 'mini'\?"):
        base.program(["mimi"])
    with pytest.raises(UserError, match="no base ''"):
        base.program([])


def test_a_recipe_becomes_a_checkpoint_with_its_log(mini, monkeypatch):
    monkeypatch.setattr(
        pretraining, "corpus", lambda seed: [t for i in range(60) for t in pretraining.example(seed, i)[1:]]
    )
    folder = mini()
    base.program(["mini"])
    model, processor = checkpoint.load("data/models/base/mini")
    recipe = params.load().bases["mini"]
    assert model.config.text_config.hidden_size == recipe.text_width
    assert model.config.vision_config.num_hidden_layers == recipe.vision_layers
    assert processor.tokenizer.eos_token == "<eos>"
    assert json.loads((folder / "data/models/base/mini/training_log.json").read_text()) == []
    assert len(list((folder / "work/base").iterdir())) == 1
    mini("bases.mini.seed=1")
    before = (folder / "data/models/base/mini/model.safetensors").read_bytes()
    base.program(["mini"])
    assert len(list((folder / "work/base").iterdir())) == 2
    assert (folder / "data/models/base/mini/model.safetensors").read_bytes() != before
