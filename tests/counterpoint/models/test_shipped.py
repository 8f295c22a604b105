"""The bases that ship with the repository: they load, and `small` sees."""

import json

import pytest

from counterpoint import params
from counterpoint.evaluation.competence import captions_right
from counterpoint.models import checkpoint
from counterpoint.params import compose
from stages.competence import captioned

BASES = ("tiny", "tiny_early", "small", "small_early", "medium", "medium_early")


def folder(root, name):
    found = root / "data/models/base" / name
    if not (found / "config.json").exists():
        pytest.skip(f"{found} is not in this checkout; `make base` trains it")
    return found


@pytest.mark.parametrize("name", BASES)
def test_a_base_loads_and_is_as_large_as_its_recipe_says(root, name):
    model, processor = checkpoint.load(str(folder(root, name)))
    recipe = params.parse(compose.study("default", root / "studies")).bases[name]
    assert model.config.text_config.hidden_size == recipe.text_width
    assert checkpoint.parameters(model) < 800_000
    assert "</think>" in processor.tokenizer.get_vocab()
    assert json.loads((folder(root, name) / "training_log.json").read_text())


def test_small_captions_pictures_that_it_never_saw(root):
    import torch

    torch.set_num_threads(1)
    model, processor = checkpoint.load(str(folder(root, "small")))
    right = captions_right(model, processor, captioned(1, "in_domain", 16), 64, 64)
    assert sum(right.values()) / len(right) >= 0.9, right


@pytest.mark.parametrize("name", BASES)
def test_a_card_goes_with_every_base(root, name):
    file = root / "metrics/competence" / f"{name}.json"
    if not file.exists():
        pytest.skip(f"{file} is not in this checkout; `dvc repro competence` writes it")
    card = json.loads(file.read_text())
    assert card["parameters"] == checkpoint.parameters(checkpoint.load(str(folder(root, name)))[0])
    captions = card["captions_exactly_right"]["in_domain"]
    if name == "small":
        assert sum(captions.values()) / len(captions) >= 0.95, captions
        assert card["in_domain_sampled"]["pass@8"] > card["in_domain_sampled"]["pass@1"]
