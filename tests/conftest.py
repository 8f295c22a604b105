"""Shared fixtures: a handful of drawn problems and a micro checkpoint far smaller than the shipped ones.

torch is imported inside the fixtures: tests that need none of it start at once.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def problems() -> list:
    """16 training problems, 4 of each family."""
    from counterpoint.sources.procedural import split_problems

    return list(split_problems(0, "train", "train", "in_domain", 16))


@pytest.fixture(scope="session")
def probe_problems() -> dict[str, list]:
    """By suite, 4 held-out problems; the text twins are those of `in_domain`."""
    from counterpoint.sources.procedural import split_problems

    held_out = list(split_problems(0, "probe", "probe", "in_domain", 4))
    return {"in_domain": held_out, "text_twin": held_out}


@pytest.fixture(scope="session")
def shape():
    """The smallest shape that is still a language model with a picture."""
    from counterpoint.models.micro import Shape

    return Shape(
        text_width=32, text_layers=2, text_inner=64, vision_width=32, vision_layers=1, vision_inner=64, heads=2,
        vocabulary=400,
    )  # fmt: skip


@pytest.fixture(scope="session")
def micro_folder(tmp_path_factory, shape) -> Path:
    """A checkpoint of that shape with random weights."""
    import torch

    from counterpoint.models import checkpoint, micro, pretraining

    torch.set_num_threads(1)
    processor = micro.build_processor(pretraining.corpus(0, 200), shape)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoint") / "micro"
    checkpoint.save(micro.build_model(shape, processor.tokenizer), processor, folder)
    return folder


@pytest.fixture
def loaded(micro_folder):
    """A fresh model of that checkpoint and its processor."""
    import torch

    from counterpoint.models import checkpoint

    torch.set_num_threads(1)
    return checkpoint.load(str(micro_folder))
