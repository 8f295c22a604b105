"""Shared fixtures: a handful of drawn problems and a micro checkpoint far smaller than the shipped ones.

torch is imported inside the fixtures: tests that need none of it start at once.
"""

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks the hub
ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest file, so that no process waits for it alone in the end."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


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


@pytest.fixture(scope="session")
def lively_folder(tmp_path_factory, micro_folder) -> Path:
    """The same checkpoint with its weights scaled up: one that has opinions, so that greedy ties do not occur."""
    import torch

    from counterpoint.models import checkpoint

    model, processor = checkpoint.load(str(micro_folder))
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)
    folder = tmp_path_factory.mktemp("checkpoint") / "lively"
    checkpoint.save(model, processor, folder)
    return folder


@pytest.fixture
def loaded(micro_folder):
    """A fresh model of that checkpoint and its processor."""
    import torch

    from counterpoint.models import checkpoint

    torch.set_num_threads(1)
    return checkpoint.load(str(micro_folder))


MINI = """\
threads: 1
suites: [in_domain, rule_shift, visual_shift, difficulty_shift, text_twin, held_out_prompts, text_reasoning]
problems: {train: 48, per_suite: 16, per_probe: 4}
sampling:
  sizes: {"16": 16, "32": 32}
bases:
  mini: {text_width: 32, text_layers: 1, text_inner: 64, vision_width: 32, vision_layers: 1, vision_inner: 64, seeing_steps: 2, seeing_learning_rate: 0.01, reasoning_steps: 1, reasoning_learning_rate: 0.01, stop_at: null, batch: 4, seed: 0, threads: 1}
models: {mini: data/models/base/mini}
sft: {epochs: 1, batch_size: 8, checkpoint_every: 1}
rl: {batch_size: 16, group_size: 4, max_completion_tokens: 6, checkpoint_every: 1}
probe: {at_least: 3, max_tokens: 4, batch_size: 32}
evaluation: {max_tokens: 6, batch_size: 64, base_conditions: [normal, no_image], samples: 2, sampled_suites: [in_domain]}
competence: {problems: 1, samples: 2, max_tokens: 6, batch_size: 64}
runs:
  base: [mini]
  train:
    - {arms: [sft, sft_lora, sft_then_rl, chord_mu], models: [mini], samples: ["16"], seeds: [0]}
    - {arm: rl, model: mini, sample: "32", seed: 0}
"""  # noqa: E501 (a recipe stands on one line, as in studies/default.yaml)


@pytest.fixture(scope="session")
def mini_overlay() -> str:
    """studies/mini.yaml: one base of three steps, one run of each kind, a LoRA arm among them."""
    return MINI


@pytest.fixture(scope="session")
def mini_data(tmp_path_factory, root) -> Path:
    """A folder with the problems, samples and traces of the mini study."""
    from counterpoint import problem, sampling, tables
    from counterpoint.distill import accept
    from counterpoint.distill.written import written
    from counterpoint.generation.completion import Completion
    from counterpoint.sources import procedural, text

    folder = tmp_path_factory.mktemp("mini")
    drawn = [*procedural.problems(0, 48, 16, 4), *text.problems(0, 16, 4)]
    problem.write(drawn, folder / "data/problems/problems.parquet")
    pool = [p for p in drawn if p.split == "train"]
    rows, _ = sampling.draw(pool, 0, {"16": 16, "32": 32})
    tables.write("samples", rows, folder / "data/samples/samples.parquet")
    first = {row["problem_id"] for row in rows if row["sample"] == "16"}
    taught = [p for p in pool if p.problem_id in first]
    attempts = [[Completion(text, 0, False)] for text in written("oracle", taught, 0.0, 0)]
    chosen = [accept.choose(p, made, 1, 1.0) for p, made in zip(taught, attempts, strict=True)]
    about = {"trace_set": "oracle-16", "kind": "oracle", "way": "oracle", "sample": "16", "seed": 0}
    for name, lines in accept.rows(about, chosen).items():
        tables.write(name, lines, folder / f"data/traces/oracle-16/{name}.parquet")
    return folder


@pytest.fixture
def mini(tmp_path, monkeypatch, root, mini_data):
    """A working folder with the mini study's data and params.yaml; mini("rl.epochs=2") changes a parameter."""
    import shutil

    from counterpoint.params import compose

    for name in ("default", "mini"):
        overlay = MINI if name == "mini" else (root / "studies/default.yaml").read_text(encoding="utf-8")
        (tmp_path / "studies").mkdir(exist_ok=True)
        (tmp_path / "studies" / f"{name}.yaml").write_text(overlay, encoding="utf-8")
    shutil.copytree(mini_data / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERPOINT_WORK", raising=False)

    def change(*settings: str) -> Path:
        compose.write("mini", list(settings), tmp_path / "params.yaml", tmp_path / "studies")
        return tmp_path

    change()
    return change
