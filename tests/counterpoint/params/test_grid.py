"""The runs of the rules, the trace sets that they imitate, and what DVC is told of both."""

import copy

import pytest
import yaml

from counterpoint import params
from counterpoint.params import grid

KINDS = {
    "self": {"way": "sampled", "teacher": "self"},
    "again": {"way": "sampled", "teacher": "sft_self"},
    "sibling": {"way": "sampled", "teacher": "sft-small-20k-0"},
    "larger": {"way": "sampled", "teacher": "base-small"},
}
ARMS = {
    "sft_self": {"method": "dft", "settings": {}, "traces": "self"},
    "sft_again": {"method": "sft", "settings": {}, "traces": "again"},
    "sft_larger": {"method": "sft", "settings": {}, "traces": "larger"},
    "later": {"method": "sft_then_rl", "settings": {}, "start": "sft_self"},
    "chord": {"method": "chord", "settings": {}, "traces": "sibling"},
}
RUN = {"arm": "sft", "model": "tiny", "sample": "2k", "seed": 3}
TEACHER = {"arm": "sft", "model": "small", "sample": "20k", "seed": 0}


@pytest.fixture
def study(composed) -> dict:
    """The default study with runs of many arms."""
    data = composed("default")
    data["kinds"] |= copy.deepcopy(KINDS)
    options = data["arms"]["chord_mu"]["options"]
    data["arms"] |= copy.deepcopy(ARMS) | {"chord": {**ARMS["chord"], "options": options}}
    rules = [{**RUN, "arm": arm} for arm in ("sft_self", "sft_again", "sft_larger", "sft", "rl", "later", "chord")]
    return data | {"runs": {"base": ["tiny"], "train": [*rules, TEACHER]}}


@pytest.mark.parametrize(
    ("arm", "name", "model", "seed", "reads", "teacher"),
    [
        ("sft", "oracle-2k", None, 0, "base", None),
        ("sft_self", "self-tiny-2k", "tiny", 0, "base", "base-tiny"),
        ("sft_again", "again-tiny-2k-3", "tiny", 3, "sft_self-tiny-2k-3", "sft_self-tiny-2k-3"),
        ("chord", "sibling-2k", None, 0, "sft-small-20k-0", "sft-small-20k-0"),
        ("sft_larger", "larger-2k", None, 0, "base", "base-small"),
    ],
)
def test_a_set_is_shared_by_the_runs_that_may_share_it(study, arm, name, model, seed, reads, teacher):
    made = params.parse(study)
    kind = study["arms"][arm].get("traces", "oracle")
    assert made.runs.trained[f"{arm}-tiny-2k-3"].traces == name
    assert made.traces[name] == params.TraceSet(kind, model, "2k", seed, reads, teacher)


def test_a_block_is_every_combination_and_a_line_is_one_run(study):
    block = {"arms": ["sft"], "models": ["tiny"], "samples": ["2k", "500"], "seeds": [0, 1]}
    study["runs"] = {"base": ["tiny"], "train": [block, {**RUN, "arm": "rl"}]}
    runs = params.parse(study).runs
    assert list(runs.trained) == ["sft-tiny-2k-0", "sft-tiny-2k-1", "sft-tiny-500-0", "sft-tiny-500-1", "rl-tiny-2k-3"]
    assert runs.trained["sft-tiny-500-1"] == params.RunSpec("sft", "tiny", "500", 1, "sft", "oracle-500", None)
    assert runs.base == {"base-tiny": params.BaseRun("tiny")}
    study["runs"] = {"base": [], "train": []}
    assert params.parse(study).runs == params.Runs({}, {})


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (3, "runs must be a mapping, not 3"),
        (None, "runs must be a mapping, not None"),
        ({"trian": []}, "unknown key runs.trian; did you mean 'train'?"),
        ({"train": "sft"}, "runs.train must be a list, not 'sft'; write [sft]"),
        ({"base": "tiny"}, "runs.base must be a list, not 'tiny'; write [tiny]"),
        ({"train": ["rl"]}, "runs.train[0] must be a mapping, not 'rl'"),
        ({"train": [None]}, "runs.train[0] must be a mapping, not None"),
        ({"train": [{"models": ["tiny"]}]}, "runs.train[0].arms is missing; studies/default.yaml has it or shows"),
        ({"train": [{"arm": "rl", "model": "tiny", "sample": "2k"}]}, "runs.train[0].seed is missing"),
        ({"train": [{**RUN, "sead": 1}]}, "unknown key runs.train[0].sead; did you mean 'seed'?"),
        ({"train": [{**RUN, "arms": ["sft"]}]}, "unknown key runs.train[0].arm; did you mean 'arms'?"),
        ({"train": [{**RUN, "seed": "x"}]}, "runs.train[0].seed must be of type int, not 'x' (str)"),
        ({"train": [{**RUN, "model": None}]}, "runs.train[0].model must be of type str, not None (NoneType)"),
        ({"train": [{**RUN, "sample": 200}]}, "runs.train[0].sample must be of type str, not 200 (int); write '200'"),
        ({"train": [{**RUN, "arm": ["a"]}]}, "runs.train[0].arm must be of type str, not ['a'] (list)"),
        ({"train": [RUN, {"arms": "sft"}]}, "runs.train[1].arms must be a list, not 'sft'; write [sft]"),
        (
            {"train": [{"arms": ["sft"], "models": [], "samples": ["2k"], "seeds": [0]}]},
            "runs.train[0].models is empty; name at least one",
        ),
    ],
)
def test_what_is_no_rule_is_named(study, refused, rules, message):
    given = {"base": [], "train": [], **rules} if isinstance(rules, dict) else rules
    assert refused({**study, "runs": given}, "f.yaml").startswith(f"f.yaml: {message}")


def test_what_follows_from_its_arm_is_added_to_a_run(study):
    made = params.parse(study)
    run = made.runs.trained
    assert run["sft_self-tiny-2k-3"] == params.RunSpec(**RUN | {"arm": "sft_self"}, method="dft",
                                                       traces="self-tiny-2k", start=None)  # fmt: skip
    assert run["sft-tiny-2k-3"].traces == "oracle-2k"
    assert (run["rl-tiny-2k-3"].method, run["rl-tiny-2k-3"].traces, run["rl-tiny-2k-3"].start) == ("rl", None, None)
    later = run["later-tiny-2k-3"]
    assert (later.start, later.start_id, later.traces) == ("sft_self", "sft_self-tiny-2k-3", None)
    assert run["chord-tiny-2k-3"].traces == "sibling-2k"
    assert sorted(made.traces) == [
        "again-tiny-2k-3", "larger-2k", "oracle-20k", "oracle-2k", "self-tiny-2k", "sibling-2k",
    ]  # fmt: skip


def test_an_edited_arm_takes_its_runs_and_their_sets_with_it(study):
    study["arms"]["sft_self"] |= {"method": "sft", "traces": "larger"}
    study["arms"]["later"]["start"] = "sft"
    study["kinds"]["sibling"]["teacher"] = "sft_self-tiny-2k-3"
    made = params.parse(study)
    assert made.runs.trained["sft_self-tiny-2k-3"].traces == "larger-2k" and "self-tiny-2k" not in made.traces
    assert made.runs.trained["later-tiny-2k-3"].start == "sft"
    assert made.traces["sibling-2k"].reads == made.traces["sibling-2k"].teacher == "sft_self-tiny-2k-3"
    study["runs"]["train"] = [rule for rule in study["runs"]["train"] if rule["arm"] != "chord"]
    assert "sibling-2k" not in params.parse(study).traces


def as_read(data: dict) -> dict:
    """What DVC reads for these parameters."""
    return yaml.safe_load(grid.as_yaml(params.parse(data)))["grid"]


def test_dvc_is_told_the_files_of_each_run_and_no_others(composed):
    data = composed("complements")
    data["models"]["hub"] = "Qwen/Qwen2-VL-2B-Instruct"
    data["runs"]["base"].append("hub")
    read = as_read(data)
    train = read["train"]
    rl = train["rl-tiny-400-0"]
    assert [rl[f"reward_{n}"] for n in (1, 2, 3, 4)] == ["accuracy", "format", "term", "term"]
    assert (rl["section"], rl["begins"], rl["traces"]) == ("rl", "data/models/base/tiny", ".gitkeep")
    sft = train["sft_self-tiny-400-0"]
    assert (sft["section"], sft["traces"], sft["reward_1"]) == ("sft", "self-tiny-400", "term")
    assert train["split_25-tiny-400-0"]["begins"] == "data/models/sft_part_25-tiny-400-0"
    assert read["traces"]["self-tiny-400"]["reads"] == "data/models/base/tiny"
    assert read["traces"]["sibling-400"]["reads"] == "data/models/sft-small-400-0"
    assert read["traces"]["oracle-400"]["reads"] == "data/models/.gitkeep"
    assert read["evaluate"]["base-tiny"]["weights"] == "data/models/base/tiny"
    assert read["evaluate"]["base-hub"]["weights"] == "data/models/.gitkeep"
    assert read["evaluate"]["rl-tiny-400-0"]["weights"] == "data/models/rl-tiny-400-0"
    assert set(read["probed"].values()) <= {*data["probe"]["suites"], "suite"}


def test_grid_yaml_is_that_of_params_yaml(root):
    data = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    assert (root / grid.FILE).read_text(encoding="utf-8") == grid.as_yaml(params.parse(data))


def test_more_terms_or_probed_suites_than_dvc_yaml_has_lines_for_are_refused(composed, changed, refused):
    data = changed("probe.suites", composed("default")["suites"][:7])
    assert "probe.suites names 7, and at most 6 are followed" in refused(data)
    terms = dict.fromkeys(("accuracy", "format", "length", "coin", "shuffled"), 0.2)
    assert "rl.rewards names 5 terms, and at most 4 are paid" in refused(changed("rl.rewards", terms))
