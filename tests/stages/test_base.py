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
    before = (folder / "data/models/base/mini/model.safetensors").read_bytes()
    assert not list((folder / "work/base").iterdir())  # the next `make base` trains anew
    base.program([""])  # all of them, by the same recipe
    assert (folder / "data/models/base/mini/model.safetensors").read_bytes() == before
    mini("bases.mini.seed=1")
    base.program(["mini"])
    assert (folder / "data/models/base/mini/model.safetensors").read_bytes() != before


def test_what_stood_there_stays_until_the_new_base_is_whole(mini, monkeypatch):
    def killed(recipe, out, work, report):
        out.mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(pretraining, "train", killed)
    old = mini() / "data/models/base/mini/model.safetensors"
    old.parent.mkdir(parents=True)
    old.write_text("weights")
    with pytest.raises(KeyboardInterrupt):
        base.program(["mini"])
    assert old.read_text() == "weights"
