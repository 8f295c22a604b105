from pathlib import Path

import pytest

from counterpoint import params, studies
from counterpoint.errors import UserError

STUDIES = Path(__file__).parents[2] / "studies"
NAMES = sorted(p.stem for p in STUDIES.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_study_composes_and_holds(name):
    data = studies.compose(name, STUDIES)
    data["source"]["path"] = data["source"]["path"] or "some/folder"
    settings = params.parse(data)
    assert settings.study == name


def test_puzzlevqa_wants_its_folder(tmp_path):
    with pytest.raises(UserError, match=r"SET='source\.path"):
        studies.write("puzzlevqa", [], tmp_path / "params.yaml", STUDIES)
    assert not (tmp_path / "params.yaml").exists()
    studies.write("puzzlevqa", ["source.path=../data"], tmp_path / "params.yaml", STUDIES)
    assert params.load(tmp_path / "params.yaml").source.path == "../data"


def test_merge_replaces_grids_and_lays_over_the_rest():
    under = {"rl": {"a": 1, "rewards": {"x": 1}}, "models": {"m": 1}}
    assert studies.merge(under, {"rl": {"b": 2, "rewards": {"y": 2}}, "models": {"n": 2}}) == {
        "rl": {"a": 1, "b": 2, "rewards": {"y": 2}},
        "models": {"n": 2},
    }
    assert under["rl"] == {"a": 1, "rewards": {"x": 1}}


def test_blocks_of_runs_are_expanded():
    block = {"arms": ["sft"], "models": ["m"], "samples": ["a", "b"], "seeds": [0, 1]}
    runs = studies.expand({"base": ["m"], "sft": [block], "rl": {"kept": {}}})
    assert list(runs["sft"]) == ["sft-m-a-0", "sft-m-a-1", "sft-m-b-0", "sft-m-b-1"]
    assert runs["sft"]["sft-m-b-1"] == {"arm": "sft", "model": "m", "sample": "b", "seed": 1}
    assert runs["base"] == {"base-m": {"model": "m"}} and runs["rl"] == {"kept": {}} and runs["sft_then_rl"] == {}


def test_a_hand_edit_survives_and_another_study_replaces_it(tmp_path):
    path = tmp_path / "params.yaml"
    assert studies.write("default", [], path, STUDIES)
    edited = path.read_text().replace("threads: 2", "threads: 1  # mine")
    path.write_text(edited)
    assert not studies.write("default", [], path, STUDIES) and path.read_text() == edited
    assert studies.write("default", ["rl.learning_rate=1e-5"], path, STUDIES)
    assert params.load(path).threads == 1 and params.load(path).rl.learning_rate == 1e-5
    assert studies.write("puzzlevqa", ["source.path=x"], path, STUDIES)
    assert params.load(path).study == "puzzlevqa" and params.load(path).threads == 2


def test_the_composed_file_reads_back_as_composed(tmp_path):
    studies.write("default", [], tmp_path / "params.yaml", STUDIES)
    assert params.read_yaml(tmp_path / "params.yaml") == studies.compose("default", STUDIES)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("rl.learning_rate", "is not KEY=VALUE"),
        ("rl.learning_rat=1", "unknown key rl.learning_rat; did you mean 'learning_rate'"),
        ("lr.learning_rate=1", "unknown key lr"),
        ("threads.more=1", "holds no keys"),
        ("threads=many", "threads must be of type int"),
        ("sampling.sizes.2k=30000", "larger than the pool"),
    ],
)
def test_a_wrong_setting_leaves_the_file_alone(tmp_path, setting, said):
    path = tmp_path / "params.yaml"
    studies.write("default", [], path, STUDIES)
    before = path.read_text()
    with pytest.raises(UserError, match=said):
        studies.write("default", [setting], path, STUDIES)
    assert path.read_text() == before


def test_free_form_mappings_take_new_keys(tmp_path):
    path = tmp_path / "params.yaml"
    studies.write("default", ["sampling.sizes.1k=1000", "rl.rewards.format=0.2"], path, STUDIES)
    settings = params.load(path)
    assert settings.sampling.sizes["1k"] == 1000 and settings.rl.rewards["format"] == 0.2


def test_an_unknown_study_names_its_neighbour(capsys, monkeypatch):
    monkeypatch.chdir(STUDIES.parent)
    assert studies.main(["puzlevqa"]) == 2
    assert "unknown study 'puzlevqa'; did you mean 'puzzlevqa'?" in capsys.readouterr().err
