"""The runs of the rules, the trace sets that they imitate, and what DVC is told of both."""

import copy

import pytest
import yaml

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import compose, grid
from counterpoint.params.grid import derive, expand, wanted

KINDS = {
    "oracle": {"way": "oracle", "teacher": None},
    "self": {"way": "sampled", "teacher": "self"},
    "again": {"way": "sampled", "teacher": "sft_self"},
    "sibling": {"way": "sampled", "teacher": "sft-big-20k-0"},
    "larger": {"way": "sampled", "teacher": "base-big"},
}
ARMS = {
    "sft": {"method": "sft"},
    "sft_self": {"method": "dft", "traces": "self"},
    "rl": {"method": "rl"},
    "later": {"method": "sft_then_rl", "start": "sft_self"},
    "chord": {"method": "chord", "traces": "sibling"},
}
RUN = {"arm": "sft", "model": "tiny", "sample": "2k", "seed": 3}


@pytest.mark.parametrize(
    ("kind", "name", "model", "seed", "reads", "teacher"),
    [
        ("oracle", "oracle-2k", None, 0, "base", None),
        ("self", "self-tiny-2k", "tiny", 0, "base", "base-tiny"),
        ("again", "again-tiny-2k-3", "tiny", 3, "sft_self-tiny-2k-3", "sft_self-tiny-2k-3"),
        ("sibling", "sibling-2k", None, 0, "sft-big-20k-0", "sft-big-20k-0"),
        ("larger", "larger-2k", None, 0, "base", "base-big"),
    ],
)
def test_a_set_is_shared_by_the_runs_that_may_share_it(kind, name, model, seed, reads, teacher):
    entry = {"kind": kind, "model": model, "sample": "2k", "seed": seed, "reads": reads, "teacher": teacher}
    assert wanted(kind, RUN, {"kinds": KINDS, "arms": ARMS}) == (name, entry)


def study() -> dict:
    rules = [{**RUN, "arm": arm} for arm in ("sft_self", "sft", "rl", "later", "chord")]
    return copy.deepcopy({"kinds": KINDS, "arms": ARMS, "runs": {"base": ["tiny"], "train": rules}})


def test_a_block_is_every_combination_and_a_line_is_one_run():
    block = {"arms": ["sft"], "models": ["m"], "samples": ["a", "500"], "seeds": [0, 1]}
    bases, runs = expand({"base": ["m"], "train": [block, {**RUN, "arm": "rl"}]})
    assert list(runs) == ["sft-m-a-0", "sft-m-a-1", "sft-m-500-0", "sft-m-500-1", "rl-tiny-2k-3"]
    assert runs["sft-m-500-1"] == {"arm": "sft", "model": "m", "sample": "500", "seed": 1}
    assert bases == {"base-m": {"model": "m"}} and expand({}) == ({}, {})


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (3, "runs must be a mapping with the keys base and train, not 3"),
        (None, "runs must be a mapping"),
        ({"trian": []}, "unknown key runs.trian; did you mean 'train'?"),
        ({"train": "sft"}, "runs.train must be a list of blocks, not 'sft'; [] for no runs"),
        ({"base": "tiny"}, "runs.base must be a list of models, not 'tiny'"),
        ({"train": ["rl"]}, "runs.train[0] must be a mapping with the keys arms, models, samples, seeds, not 'rl'"),
        (
            {"train": [{"models": ["tiny"]}]},
            "runs.train[0].arms is missing; a block lists arms, models, samples, seeds",
        ),
        (
            {"train": [{"arm": "rl", "model": "m", "sample": "a"}]},
            "runs.train[0].seed is missing; a run has arm, model",
        ),
        ({"train": [{**RUN, "sead": 1}]}, "unknown key runs.train[0].sead; did you mean 'seed'?"),
        ({"train": [{**RUN, "seed": "x"}]}, "runs.train[0].seed: 'x' is not a whole number"),
        ({"train": [{**RUN, "model": None}]}, "runs.train[0].model: None is not a name"),
        ({"train": [{**RUN, "sample": 200}]}, "runs.train[0].sample: 200 is not a name; write '200'"),
        ({"train": [{**RUN, "arm": ["a"]}]}, "runs.train[0].arm: ['a'] is not a name"),
        (
            {"train": [RUN, {"arms": "sft"}]},
            "runs.train[1].arms must be a list of at least one, not 'sft'; write [sft]",
        ),
    ],
)
def test_what_is_no_rule_is_named(rules, said):
    with pytest.raises(UserError) as caught:
        expand(rules, "f.yaml")
    assert said in str(caught.value) and str(caught.value).startswith("f.yaml: ") and "\n" not in str(caught.value)


def test_what_follows_from_its_arm_is_added_to_a_run():
    found = derive(study())
    runs = found["trained"]
    assert (
        runs["sft_self-tiny-2k-3"] | {"method": "dft", "traces": "self-tiny-2k", "start": None}
        == runs["sft_self-tiny-2k-3"]
    )
    assert runs["sft-tiny-2k-3"]["traces"] == "oracle-2k"
    assert runs["rl-tiny-2k-3"] == {**RUN, "arm": "rl", "method": "rl", "traces": None, "start": None}
    assert (runs["later-tiny-2k-3"]["start"], runs["later-tiny-2k-3"]["traces"]) == ("sft_self", None)
    assert runs["chord-tiny-2k-3"]["traces"] == "sibling-2k"
    assert sorted(found["traces"]) == ["oracle-2k", "self-tiny-2k", "sibling-2k"]


def test_an_edited_arm_takes_its_runs_and_their_sets_with_it():
    data = study()
    data["arms"]["sft_self"] |= {"method": "sft", "traces": "larger"}
    data["arms"]["later"]["start"] = "sft"
    data["kinds"]["sibling"]["teacher"] = "sft-big-2k-1"
    found = derive(data)
    assert found["trained"]["sft_self-tiny-2k-3"]["traces"] == "larger-2k"
    assert found["trained"]["later-tiny-2k-3"]["start"] == "sft"
    assert sorted(found["traces"]) == ["larger-2k", "oracle-2k", "sibling-2k"]
    assert found["traces"]["sibling-2k"]["reads"] == found["traces"]["sibling-2k"]["teacher"] == "sft-big-2k-1"
    del data["runs"]["train"][-1]
    assert "sibling-2k" not in derive(data)["traces"]


def test_what_is_wrong_is_left_for_the_validation():
    data = study() | {"runs": {"train": [{**RUN, "arm": "sftt"}]}}
    found = derive(data)
    assert found["traces"] == {} and found["trained"] == {"sftt-tiny-2k-3": {**RUN, "arm": "sftt"}}
    assert wanted("no such kind", RUN, data) is None


def told(data: dict) -> dict:
    params.parse(data)
    return yaml.safe_load(grid.as_yaml(data))["grid"]


def test_dvc_is_told_the_files_of_each_run_and_no_others(root):
    data = compose.study("complements", root / "studies")
    data["models"]["hub"] = "Qwen/Qwen2-VL-2B-Instruct"
    data["runs"]["base"].append("hub")
    found = told(data)
    train = found["train"]
    rl = train["rl-tiny-400-0"]
    assert [rl[f"reward_{n}"] for n in (1, 2, 3, 4)] == ["accuracy", "format", "term", "term"]
    assert (rl["section"], rl["begins"], rl["traces"]) == ("rl", "data/models/base/tiny", ".gitkeep")
    sft = train["sft_self-tiny-400-0"]
    assert (sft["section"], sft["traces"], sft["reward_1"]) == ("sft", "self-tiny-400", "term")
    assert train["split_25-tiny-400-0"]["begins"] == "data/models/sft_part_25-tiny-400-0"
    assert found["traces"]["self-tiny-400"]["reads"] == "data/models/base/tiny"
    assert found["traces"]["sibling-400"]["reads"] == "data/models/sft-small-400-0"
    assert found["traces"]["oracle-400"]["reads"] == "data/models/.gitkeep"
    assert found["evaluate"]["base-tiny"]["weights"] == "data/models/base/tiny"
    assert found["evaluate"]["base-hub"]["weights"] == "data/models/.gitkeep"
    assert found["evaluate"]["rl-tiny-400-0"]["weights"] == "data/models/rl-tiny-400-0"
    assert set(found["probed"].values()) <= {*data["probe"]["suites"], "suite"}


def test_grid_yaml_is_that_of_params_yaml(root):
    data = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    assert (root / grid.FILE).read_text(encoding="utf-8") == grid.as_yaml(data)


def test_more_terms_or_probed_suites_than_dvc_yaml_has_lines_for_are_refused(root):
    data = compose.study("default", root / "studies")
    data["probe"]["suites"] = list(data["suites"][:7])
    with pytest.raises(UserError, match=r"probe\.suites names 7, and at most 6 are followed"):
        params.parse(data)
    data = compose.study("default", root / "studies")
    data["rl"]["rewards"] = dict.fromkeys(("accuracy", "format", "length", "coin", "shuffled"), 0.2)
    with pytest.raises(UserError, match=r"rl\.rewards names 5 terms, and at most 4 are paid"):
        params.parse(data)
