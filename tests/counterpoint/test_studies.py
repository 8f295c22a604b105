import copy
from pathlib import Path

import pytest

from counterpoint import params, studies, trace_sets
from counterpoint.errors import UserError
from counterpoint.typed import read_yaml

STUDIES = Path(__file__).parents[2] / "studies"
NAMES = sorted(p.stem for p in STUDIES.glob("*.yaml"))


@pytest.fixture(scope="module")
def composed_default():
    return studies.compose("default", STUDIES)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_composes_and_holds(name):
    data = studies.compose(name, STUDIES)
    data["source"]["path"] = data["source"]["path"] or "some/folder"
    settings = params.parse(data)
    assert settings.study == name
    assert set(settings.bases) <= set(settings.models)  # or the card of a base would ask for a model that is not there


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
    edited = path.read_text().replace("threads: 1", "threads: 2  # mine")
    path.write_text(edited)
    assert not studies.write("default", [], path, STUDIES) and path.read_text() == edited
    assert studies.write("default", ["rl.learning_rate=1e-5"], path, STUDIES)
    assert params.load(path).threads == 2 and params.load(path).rl.learning_rate == 1e-5
    assert studies.write("puzzlevqa", ["source.path=x"], path, STUDIES)
    assert params.load(path).study == "puzzlevqa" and params.load(path).threads == 1


def test_the_composed_file_reads_back_as_composed(tmp_path):
    studies.write("default", [], tmp_path / "params.yaml", STUDIES)
    assert read_yaml(tmp_path / "params.yaml") == studies.compose("default", STUDIES)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("rl.learning_rate", "is not KEY=VALUE"),
        ("rl.learning_rat=1", "unknown key rl.learning_rat; did you mean 'learning_rate'"),
        ("lr.learning_rate=1", "unknown key lr"),
        ("threads.more=1", "holds no keys"),
        ("threads=many", "threads must be of type int"),
        ("sampling.sizes.2k=30000", "larger than the pool"),
        ("rl.rewards={accuracy: ", r"SET: 'rl.rewards=\{accuracy: ' is not valid YAML.*spaces separate settings"),
        ("rl.temperature=2020-13-45", "SET: .* is not valid YAML"),
    ],
)
def test_a_wrong_setting_leaves_the_file_alone(tmp_path, setting, said):
    path = tmp_path / "params.yaml"
    studies.write("default", [], path, STUDIES)
    before = path.read_text()
    with pytest.raises(UserError, match=said) as caught:
        studies.write("default", [setting], path, STUDIES)
    assert "\n" not in str(caught.value)
    assert path.read_text() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_read_and_written_again_is_the_same(tmp_path, name):
    data = studies.compose(name, STUDIES)
    (tmp_path / "params.yaml").write_text(studies.dump(data))
    again = read_yaml(tmp_path / "params.yaml")
    assert again == data and studies.dump(again) == (tmp_path / "params.yaml").read_text()


@pytest.mark.parametrize(
    ("setting", "reach"),
    [
        ("sft.lora.rank=4", lambda found: found.sft.lora.rank == 4),
        ("sft.lora.dropout=0.5", lambda found: found.sft.lora.dropout == 0.5),
        ("sft.lora.targets=[q_proj]", lambda found: found.sft.lora.targets == ["q_proj"]),
        ("rl.lora.vision_tower=true", lambda found: found.rl.lora.vision_tower and found.sft.lora is None),
        ("rl.lora.rnk=4", lambda found: found.rl.lora.rank == 8),
        ("tune.sft.epochs.choices=[1,3]", lambda found: found.tune.sft["epochs"].choices == [1, 3]),
        ("tune.sft.epochs.low=0.001", lambda found: found.tune.sft["epochs"].low == 0.001),
    ],
)
def test_a_setting_below_null_shows_a_whole_that_works(tmp_path, setting, reach):
    path = tmp_path / "params.yaml"
    studies.write("default", ["tune.sft.epochs=null"], path, STUDIES)
    before, key = path.read_text(), setting.partition("=")[0].rpartition(".")[0]
    with pytest.raises(UserError) as caught:
        studies.write("default", [setting], path, STUDIES)
    told, shown = str(caught.value).split("; set it whole: ")
    assert told.startswith(f"SET: {key} is null and has no key ") and path.read_text() == before
    assert shown.startswith(f"{key}={{") and studies.settings([shown]) == [shown]  # one word of a command line
    assert "'" not in shown  # for it stands in SET='…'
    studies.write("default", [shown], path, STUDIES)
    assert reach(params.load(path))


def test_a_setting_below_another_null_says_so(tmp_path):
    with pytest.raises(UserError, match=r"^SET: probe\.every is null and holds no keys$"):
        studies.write("default", ["probe.every.steps=1"], tmp_path / "params.yaml", STUDIES)


def test_free_form_mappings_take_new_keys(tmp_path):
    path = tmp_path / "params.yaml"
    studies.write("default", ["sampling.sizes.1k=1000", "rl.rewards.format=0.2"], path, STUDIES)
    settings = params.load(path)
    assert settings.sampling.sizes["1k"] == 1000 and settings.rl.rewards["format"] == 0.2


def test_settings_reach_what_an_arm_leaves_out(tmp_path):
    path = tmp_path / "params.yaml"
    wanted = ["arms.rl.part=[0.0,0.5]", "arms.relift.options.batch=32", "arms.sft.traces=foreign"]
    studies.write("default", wanted, path, STUDIES)
    settings = params.load(path)
    assert settings.arms["rl"].part == [0.0, 0.5] and params.options(settings, "relift").batch == 32
    assert settings.runs.sft["sft-tiny-2k-0"].traces == "foreign-2k" and "foreign-2k" in settings.traces
    for setting, said in (
        ("arms.rl.prat=[0.0,0.5]", "unknown key arms.rl.prat; did you mean 'part'"),
        ("arms.rl.options.batch=1", "unknown key arms.rl.options.batch"),
        ("traces.mine=1", "unknown key traces.mine"),
    ):
        with pytest.raises(UserError, match=said):
            studies.write("default", [setting], path, STUDIES)


WRONG = (None, [], ["a"], 3, "word", {"a": None}, {"a": [1]}, {"a": {"teacher": ["x"]}})


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("key", ["traces", "kinds", "arms", "runs", "runs.sft", "runs.sft.sft-tiny-2k-0", "arms.sft"])
def test_a_section_of_another_shape_is_one_line(tmp_path, composed_default, key, value):
    path = tmp_path / "params.yaml"
    data = copy.deepcopy(composed_default)
    *places, last = key.split(".")
    place = data
    for name in places:
        place = place[name]
    place[last] = value
    path.write_text(studies.dump(data))
    if key == "traces" and isinstance(value, dict):
        assert studies.write("default", [], path, STUDIES) and read_yaml(path)["traces"] == composed_default["traces"]
        return
    with pytest.raises(UserError) as caught:
        studies.write("default", [], path, STUDIES)
    assert key.split(".")[0] in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["arm", "model", "sample", "seed", "traces", "start", "method"])
@pytest.mark.parametrize("value", [None, [1], {"a": 1}], ids=repr)
def test_a_run_with_an_entry_of_another_shape_is_one_line_or_put_right(tmp_path, composed_default, key, value):
    path = tmp_path / "params.yaml"
    data = copy.deepcopy(composed_default)
    data["runs"]["sft"]["sft-tiny-2k-0"][key] = value
    path.write_text(studies.dump(data))
    if key in trace_sets.DERIVED:
        assert studies.write("default", [], path, STUDIES) and read_yaml(path) == composed_default
        return
    with pytest.raises(UserError, match=rf"runs\.sft\.sft-tiny-2k-0\.{key}") as caught:
        studies.write("default", [], path, STUDIES)
    assert "\n" not in str(caught.value)


def test_an_unknown_study_names_its_neighbour(capsys, monkeypatch):
    monkeypatch.chdir(STUDIES.parent)
    assert studies.main(["puzlevqa"]) == 2
    assert "unknown study 'puzlevqa'; did you mean 'puzzlevqa'?" in capsys.readouterr().err


BLOCK = "arms: [rl], models: [tiny], samples: [2k], seeds: [0]"


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        ("runs: 3", "runs must be a mapping with the keys base, sft, rl, sft_then_rl, mixed, not 3"),
        ("runs:", "runs must be a mapping"),
        ("runs: {sfd: []}", "unknown key runs.sfd; did you mean 'sft'?"),
        ("runs: {sft: sft}", "runs.sft must be a list of blocks, not 'sft'"),
        ("runs: {base: tiny}", "runs.base must be a list of models, not 'tiny'"),
        ("runs: {rl: [rl]}", "runs.rl[0] must be a mapping with the keys arms, models, samples, seeds, not 'rl'"),
        ("runs: {rl: [{models: [tiny]}]}", "runs.rl[0].arms is missing"),
        (f"runs: {{rl: [{{{BLOCK}, seed: [0]}}]}}", "unknown key runs.rl[0].seed; did you mean 'seeds'?"),
        (f"runs: {{rl: [{{{BLOCK}}}, {{arms: sft}}]}}", "runs.rl[1].arms must be a list of at least one, not 'sft'"),
        (f"runs: {{rl: [{{{BLOCK.replace('[0]', '[]')}}}]}}", "runs.rl[0].seeds must be a list of at least one"),
        (
            "runs: {rl: [{arms: [rl], models: [tiny], samples: [200], seeds: [0]}]}",
            "runs.rl.rl-tiny-200-0.sample must be of type str, not 200 (int)",
        ),
        ("rum: 1", "unknown key rum; did you mean 'runs'?"),
        ("rl: 3", "rl must be a mapping, not 3"),
    ],
)
def test_a_mistake_in_an_overlay_names_its_file_and_key(tmp_path, overlay, said):
    (tmp_path / "default.yaml").write_text((STUDIES / "default.yaml").read_text())
    (tmp_path / "mine.yaml").write_text(overlay)
    with pytest.raises(UserError) as caught:
        studies.write("mine", [], tmp_path / "params.yaml", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.yaml'}: {said}") and "\n" not in str(caught.value)
    assert not (tmp_path / "params.yaml").exists()


def test_a_changed_file_is_kept_when_another_study_replaces_it(tmp_path, capsys):
    path, kept = tmp_path / "params.yaml", tmp_path / "params.yaml.before"
    studies.write("default", [], path, STUDIES)
    studies.write("quick", [], path, STUDIES)
    assert not kept.exists() and capsys.readouterr().err == ""
    studies.write("quick", ["rl.learning_rate=1e-5"], path, STUDIES)
    mine = path.read_text()
    with pytest.raises(UserError):
        studies.write("default", ["threads=0"], path, STUDIES)
    assert not kept.exists() and path.read_text() == mine
    studies.write("default", [], path, STUDIES)
    said = capsys.readouterr().err
    assert kept.read_text() == mine and "'quick'" in said and str(kept) in said and said.count("\n") == 1
