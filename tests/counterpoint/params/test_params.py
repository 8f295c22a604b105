import copy
from pathlib import Path

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.files import read_yaml
from counterpoint.params import compose

STUDIES = Path(__file__).parents[3] / "studies"
DEFAULT = compose.study("default", STUDIES)


def changed(key: str, value):
    """The default parameters with one key set, whatever it held; value ... deletes it."""
    data = copy.deepcopy(DEFAULT)
    *path, last = key.split("/")
    place = data
    for name in path:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return data


def load(data) -> params.Params:
    return params.parse(data)


def test_the_default_holds():
    settings = load(DEFAULT)
    assert settings.study == "default" and settings.runs.trained
    assert all(run_id == run.run_id for run_id, run in settings.runs.trained.items())


RUN = {"arm": "sft", "model": "small", "sample": "2k", "seed": 0}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rl/learning_rat", 1.0, "unknown key rl.learning_rat; did you mean 'learning_rate'"),
        ("rl/learning_rate", "fast", r"rl\.learning_rate must be of type float, not 'fast'"),
        ("sft/learning_rate", float("nan"), r"sft\.learning_rate must be a finite number, not nan"),
        ("sft/epochs", float("inf"), r"sft\.epochs must be a finite number, not inf"),
        ("sft/epochs", 10**400, r"sft\.epochs must be a finite number"),
        ("arms/rl/settings", {"beta": -float("inf")}, r"arms\.rl\.settings\.beta must be a finite number"),
        ("rl/learning_rate", ..., r"rl\.learning_rate is missing"),
        ("problems/train", 2.5, r"problems\.train must be of type int"),
        ("problems/train", True, r"problems\.train must be of type int"),
        ("problems", 3, "problems must be a mapping"),
        ("suites", "in_domain", "suites must be a list"),
        ("suites", ["in_domian"], "did you mean 'in_domain'"),
        ("threads", 0, "threads must be at least 1"),
        ("source/kind", "web", "source.kind is 'web'"),
        ("sampling/sizes/2k", 10**9, r"sampling\.sizes\.2k is 1000000000, larger than the pool"),
        ("sampling/sizes/2k", 0, r"sampling\.sizes\.2k must be at least 1"),
        ("rl/batch_size", 100, r"batch_size 100 is not a multiple of group_size 8; use 96"),
        ("rl/batch_size", 4, r"not a multiple of group_size 8; use 8"),
        ("rl/group_size", 1, "group_size must be at least 2"),
        ("rl/loss_type", "gpro", "did you mean 'grpo'"),
        ("rl/rewards", {}, "name at least one of accuracy"),
        ("rl/rewards", {"acuracy": 1.0}, "did you mean 'accuracy'"),
        ("rl/epochs", 0, "epochs must be above 0"),
        ("arms/sft/method", "stf", "did you mean 'sft'"),
        ("arms/rl/settings", {"learningrate": 1.0}, r"arms\.rl\.settings\.learningrate; did you mean 'learning_rate'"),
        ("runs/train", [{**RUN, "model": "big"}], r"runs\.train\[0\]\.model: unknown name 'big'"),
        ("runs/train", [{**RUN, "arm": "sft_then_rl"}], r"starts from sft-.*, which is not in runs\.train"),
        ("runs/base", ["big"], r"runs\.base: unknown name 'big'"),
    ],
)
def test_each_mistake_names_key_and_remedy(key, value, said):
    with pytest.raises(UserError, match=said):
        load(changed(key, value))


def test_a_folder_source_needs_a_path():
    data = changed("source/kind", "folder")
    data["source"]["path"] = None
    with pytest.raises(UserError, match=r"source\.path is missing.*SET='source\.path"):
        load(data)


def test_an_arm_changes_the_section_of_its_method():
    settings = load(changed("arms/rl/settings", {"learning_rate": 1, "rewards": {"accuracy": 1.0}}))
    arm = params.settings(settings, "rl")
    assert isinstance(arm, params.Rl) and arm.learning_rate == 1.0 and arm.rewards == {"accuracy": 1.0}
    assert arm.epochs == settings.rl.epochs and params.settings(settings, "sft_lora").lora.rank > 0


def test_numbers_are_read_as_yaml_1_2_has_them(tmp_path):
    (tmp_path / "p.yaml").write_text("a: 1e-5\nb: 2\nc: 1.5\nd: on the road\n")
    assert read_yaml(tmp_path / "p.yaml") == {"a": 1e-5, "b": 2, "c": 1.5, "d": "on the road"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [1", "not valid YAML"), ("a: 2020-13-45", "not valid YAML"), ("- 1", "must be a mapping"), (None, "no such")],
)
def test_a_file_that_cannot_be_read(tmp_path, text, said):
    if text is not None:
        (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        params.load(tmp_path / "p.yaml")
