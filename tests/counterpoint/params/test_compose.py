from pathlib import Path

import pytest
import yaml

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.files import read_yaml
from counterpoint.params import changes, compose, grid
from counterpoint.params.__main__ import main

STUDIES = Path(__file__).parents[3] / "studies"
NAMES = sorted(p.stem for p in STUDIES.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_study_composes_and_holds(name):
    data = compose.study(name, STUDIES)
    data["source"]["path"] = data["source"]["path"] or "some/folder"
    settings = params.parse(data)
    assert settings.study == name
    assert set(settings.bases) <= set(settings.models)  # or the card of a base would ask for a model that is not there


def test_puzzlevqa_wants_its_folder(tmp_path):
    with pytest.raises(UserError, match=r"SET='source\.path"):
        compose.write("puzzlevqa", [], tmp_path / "params.yaml", STUDIES)
    assert not (tmp_path / "params.yaml").exists()
    compose.write("puzzlevqa", ["source.path=../data"], tmp_path / "params.yaml", STUDIES)
    assert params.load(tmp_path / "params.yaml").source.path == "../data"


def test_merge_replaces_grids_and_lays_over_the_rest():
    under = {"rl": {"a": 1, "rewards": {"x": 1}}, "models": {"m": 1}}
    assert compose.merge(under, {"rl": {"b": 2, "rewards": {"y": 2}}, "models": {"n": 2}}) == {
        "rl": {"a": 1, "b": 2, "rewards": {"y": 2}},
        "models": {"n": 2},
    }
    assert under["rl"] == {"a": 1, "rewards": {"x": 1}}


def test_a_hand_edit_survives_and_another_study_replaces_it(tmp_path):
    path = tmp_path / "params.yaml"
    assert compose.write("default", [], path, STUDIES)
    edited = path.read_text().replace("\nthreads: 1 ", "\nthreads: 2  # mine ")
    path.write_text(edited)
    assert not compose.write("default", [], path, STUDIES) and path.read_text() == edited
    assert compose.write("default", ["rl.learning_rate=1e-5"], path, STUDIES)
    assert params.load(path).threads == 2 and params.load(path).rl.learning_rate == 1e-5
    assert compose.write("puzzlevqa", ["source.path=x"], path, STUDIES)
    assert params.load(path).study == "puzzlevqa" and params.load(path).threads == 1


def test_the_composed_file_reads_back_as_composed(tmp_path):
    compose.write("default", [], tmp_path / "params.yaml", STUDIES)
    assert read_yaml(tmp_path / "params.yaml") == compose.study("default", STUDIES)


@pytest.mark.parametrize(
    ("setting", "message"),
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
def test_a_wrong_setting_leaves_the_file_alone(tmp_path, setting, message):
    path = tmp_path / "params.yaml"
    compose.write("default", [], path, STUDIES)
    before = path.read_text()
    with pytest.raises(UserError, match=message) as caught:
        compose.write("default", [setting], path, STUDIES)
    assert "\n" not in str(caught.value)
    assert path.read_text() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_read_and_written_again_is_the_same(tmp_path, name):
    data = compose.study(name, STUDIES)
    (tmp_path / "params.yaml").write_text(compose.dump(data))
    again = read_yaml(tmp_path / "params.yaml")
    assert again == data and compose.dump(again) == (tmp_path / "params.yaml").read_text()


@pytest.mark.parametrize(
    ("setting", "reach"),
    [
        ("sft.lora.rank=4", lambda settings: settings.sft.lora.rank == 4),
        ("sft.lora.dropout=0.5", lambda settings: settings.sft.lora.dropout == 0.5),
        ("sft.lora.targets=[q_proj]", lambda settings: settings.sft.lora.targets == ["q_proj"]),
        ("rl.lora.vision_tower=true", lambda settings: settings.rl.lora.vision_tower and settings.sft.lora is None),
        ("rl.lora.rnk=4", lambda settings: settings.rl.lora.rank == 8),
        ("tune.sft.epochs.choices=[1,3]", lambda settings: settings.tune.sft["epochs"].choices == [1, 3]),
        ("tune.sft.epochs.low=0.001", lambda settings: settings.tune.sft["epochs"].low == 0.001),
    ],
)
def test_a_setting_below_null_shows_a_whole_that_works(tmp_path, setting, reach):
    path = tmp_path / "params.yaml"
    compose.write("default", ["tune.sft.epochs=null"], path, STUDIES)
    before, key = path.read_text(), setting.partition("=")[0].rpartition(".")[0]
    with pytest.raises(UserError) as caught:
        compose.write("default", [setting], path, STUDIES)
    message, shown = str(caught.value).split("; set it whole: ")
    assert message.startswith(f"SET: {key} is null and has no key ") and path.read_text() == before
    assert shown.startswith(f"{key}={{") and compose.split_settings([shown]) == [shown]  # one word of a command line
    assert "'" not in shown  # for it stands in SET='…'
    compose.write("default", [shown], path, STUDIES)
    assert reach(params.load(path))


def test_a_setting_below_another_null_says_so(tmp_path):
    with pytest.raises(UserError, match=r"^SET: probe\.every is null and holds no keys$"):
        compose.write("default", ["probe.every.steps=1"], tmp_path / "params.yaml", STUDIES)


def test_free_form_mappings_take_new_keys(tmp_path):
    path = tmp_path / "params.yaml"
    compose.write("default", ["sampling.sizes.1k=1000", "rl.rewards.format=0.2"], path, STUDIES)
    settings = params.load(path)
    assert settings.sampling.sizes["1k"] == 1000 and settings.rl.rewards["format"] == 0.2


def test_settings_reach_what_an_arm_leaves_out(tmp_path):
    path = tmp_path / "params.yaml"
    wanted = ["arms.rl.part=[0.0,0.5]", "arms.relift.options.batch=32", "arms.sft.traces=foreign"]
    compose.write("default", wanted, path, STUDIES)
    settings = params.load(path)
    assert settings.arms["rl"].part == [0.0, 0.5] and params.options(settings, "relift").batch == 32
    assert settings.runs.trained["sft-tiny-2k-0"].traces == "foreign-2k" and "foreign-2k" in settings.traces
    for setting, message in (
        ("arms.rl.prat=[0.0,0.5]", "unknown key arms.rl.prat; did you mean 'part'"),
        ("arms.rl.options.batch=1", "unknown key arms.rl.options.batch"),
        ("traces.mine=1", "unknown key traces"),
    ):
        with pytest.raises(UserError, match=message):
            compose.write("default", [setting], path, STUDIES)


WRONG = (None, [], ["a"], 3, "word", {"a": None}, {"a": [1]}, {"a": {"teacher": ["x"]}})


@pytest.mark.parametrize("value", WRONG, ids=repr)
@pytest.mark.parametrize("key", ["kinds", "arms", "runs", "runs.train", "runs.base", "arms.sft"])
def test_a_section_of_another_shape_is_one_line(tmp_path, changed, key, value):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(changed(key, value), sort_keys=False))
    if key.startswith("runs.") and value == []:
        return  # no runs are a study too
    with pytest.raises(UserError) as caught:
        compose.write("default", [], path, STUDIES)
    assert key.split(".")[0] in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_study_names_its_neighbour(capsys, monkeypatch):
    monkeypatch.chdir(STUDIES.parent)
    assert main(["puzlevqa"]) == 2
    assert "unknown study 'puzlevqa'; did you mean 'puzzlevqa'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ("runs: 3", "runs must be a mapping, not 3"),
        ("runs: {train: [{arms: [rl]}]}", "runs.train[0].models is missing"),
        ("rum: 1", "unknown key rum; did you mean 'runs'?"),
        ("rl: 3", "rl must be a mapping, not 3"),
    ],
)
def test_a_mistake_in_an_overlay_names_its_file_and_key(tmp_path, overlay, message):
    (tmp_path / "default.yaml").write_text((STUDIES / "default.yaml").read_text())
    (tmp_path / "mine.yaml").write_text(overlay)
    with pytest.raises(UserError) as caught:
        compose.write("mine", [], tmp_path / "params.yaml", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.yaml'}: {message}") and "\n" not in str(caught.value)
    assert not (tmp_path / "params.yaml").exists()


@pytest.fixture
def two(tmp_path, capsys):
    """params.yaml of the default study; `two(study, *settings)` brings another and tells what was message."""
    path = tmp_path / "params.yaml"
    compose.write("default", [], path, STUDIES)

    def bring(study: str, *overrides: str, fresh: bool = False) -> str:
        compose.write(study, list(overrides), path, STUDIES, fresh)
        return capsys.readouterr().err

    bring.path = path
    return bring


def test_what_was_changed_on_a_study_comes_back_with_it(two):
    assert two("quick") == ""  # nothing was changed
    two("quick", "rl.learning_rate=1e-5")
    mine = two.path.read_text().replace("\nthreads: 1", "\nthreads: 2")
    two.path.write_text(mine)
    message = two("default")
    (kept_copy,) = (two.path.parent / ".studies/quick").glob("2*.yaml")
    assert (
        kept_copy.read_text() == mine
        and "'quick'" in message
        and str(kept_copy) in message
        and message.count("\n") == 1
    )
    assert params.load(two.path).threads == 1
    two("default", "problems.seed=5")
    for _ in range(5):
        two("quick")
        assert read_yaml(two.path)["threads"] == 2 and read_yaml(two.path)["rl"]["learning_rate"] == 1e-5
        two("default")
        assert read_yaml(two.path)["problems"]["seed"] == 5
    made = compose.resolve("quick", [], two.path, STUDIES)
    assert made.in_words() == "study quick; changed on it: threads=2, rl.learning_rate=1e-05"
    two("quick", fresh=True)
    assert compose.resolve("quick", [], two.path, STUDIES).in_words() == "study quick, as it stands in studies/"
    two("default")
    two("quick")
    assert params.load(two.path).threads == 1  # it was left fresh
    two("quick", "threads=3")
    two("default")
    two("quick")
    edited = two.path.read_text()
    two.path.write_text(edited.replace("\nthreads: 3 ", "\nthreads: 1 "))  # taken back by hand
    two("default")
    two("quick")
    assert params.load(two.path).threads == 1
    two("quick", "threads=3")
    two("default", fresh=True)
    two("quick")
    compose.write("default", [], two.path, STUDIES)
    two.path.write_text(compose.dump(compose.study("default", STUDIES)))  # as git puts it back
    two("quick", fresh=True)
    two("default")
    two("quick")
    assert params.load(two.path).threads == 1  # what was dropped stays away


def test_a_run_that_was_taken_away_stays_away(two):
    data = read_yaml(two.path)
    data["runs"]["train"] = data["runs"]["train"][:1]
    del data["arms"]["sft_noisy"]
    two.path.write_text(compose.dump(data))
    two("quick")
    two("default")
    assert read_yaml(two.path) == data


def test_a_command_that_fails_leaves_everything_as_it_was(two):
    two("quick", "rl.learning_rate=1e-5")
    before = {path: path.read_bytes() for path in two.path.parent.rglob("*") if path.is_file()}
    for wrong in (("default", "threads=0"), ("defalt",), ("quick", "rl.no=1")):
        with pytest.raises(UserError):
            two(*wrong)
    assert {path: path.read_bytes() for path in two.path.parent.rglob("*") if path.is_file()} == before


def test_changes_that_lead_nowhere_any_more_are_told(two):
    folder = two.path.parent / ".studies/quick"
    folder.mkdir(parents=True)
    (folder / changes.CHANGED).write_text("changes:\n- at: [rll, epochs]\n  to: 2\n")
    with pytest.raises(UserError, match=r"changed.yaml: rll\.epochs is no key of the study any more; FRESH=1"):
        two("quick")
    (folder / changes.CHANGED).write_text("changes: 3\n")
    with pytest.raises(UserError, match=r"changed\.yaml: not a list of changes"):
        two("quick")
    two("quick", fresh=True)


def test_the_grid_is_written_with_the_parameters_and_anew_after_an_edit(two):
    written = two.path.with_name(grid.FILE.name)
    assert "rl-tiny-2k-1" not in written.read_text()
    two.path.write_text(two.path.read_text().replace("seeds: [0]", "seeds: [0, 1]"))
    assert compose.write("default", [], two.path, STUDIES)
    assert "rl-tiny-2k-1" in written.read_text()
    assert not compose.write("default", [], two.path, STUDIES)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1}, {"a": 1}),
        ({"a": {"b": 1, "c": [1]}}, {"a": {"b": 2, "c": [1, 2]}, "d": {"e": None}}),
        ({"a": {"b": 1}, "x": 1}, {"a": None}),
        ({"a": None}, {"a": {"b": 1}}),
    ],
)
def test_differences_lead_from_one_to_the_other(before, after):
    assert changes.apply(changes.differences(before, after), before, "f") == after
