"""Which trace set a run imitates, and that what follows from a run's arm is added."""

import copy

import pytest

from counterpoint.trace_sets import complete, wanted

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
    return copy.deepcopy({"kinds": KINDS, "arms": ARMS, "traces": {}, "runs": {
        "sft": {"a": {**RUN, "arm": "sft_self"}, "b": dict(RUN)}, "rl": {"c": {**RUN, "arm": "rl"}},
        "sft_then_rl": {"d": {**RUN, "arm": "later"}}, "mixed": {"e": {**RUN, "arm": "chord"}},
    }})  # fmt: skip


def test_one_line_turns_an_arm_on():
    data = study()
    assert complete(data)
    runs = data["runs"]
    assert (runs["sft"]["a"]["traces"], runs["sft"]["b"]["traces"]) == ("self-tiny-2k", "oracle-2k")
    assert runs["rl"]["c"] == {**RUN, "arm": "rl", "method": "rl"}
    assert [run["method"] for run in runs["sft"].values()] == ["dft", "sft"]
    assert runs["sft_then_rl"]["d"]["start"] == "sft_self" and "traces" not in runs["sft_then_rl"]["d"]
    assert runs["mixed"]["e"]["traces"] == "sibling-2k"
    assert sorted(data["traces"]) == ["oracle-2k", "self-tiny-2k", "sibling-2k"]
    assert not complete(data)


def test_an_edited_arm_takes_its_runs_and_their_sets_with_it():
    data = study()
    complete(data)
    data["arms"]["sft_self"] |= {"method": "sft", "traces": "larger"}
    data["arms"]["later"]["start"] = "sft"
    data["kinds"]["sibling"]["teacher"] = "sft-big-2k-1"
    data["runs"]["rl"]["c"]["traces"] = "oracle-2k"
    assert complete(data) and not complete(data)
    assert data["runs"]["sft"]["a"] == {**RUN, "arm": "sft_self", "method": "sft", "traces": "larger-2k"}
    assert data["runs"]["sft_then_rl"]["d"]["start"] == "sft" and "traces" not in data["runs"]["rl"]["c"]
    assert sorted(data["traces"]) == ["larger-2k", "oracle-2k", "sibling-2k"]
    assert data["traces"]["sibling-2k"]["reads"] == data["traces"]["sibling-2k"]["teacher"] == "sft-big-2k-1"
    del data["runs"]["mixed"]["e"]
    assert complete(data) and "sibling-2k" not in data["traces"]


def test_what_is_wrong_is_left_for_the_validation():
    wrong = {"a": {**RUN, "arm": "sftt"}, "b": 3}
    data = {"kinds": KINDS, "arms": ARMS, "traces": {}, "runs": {"sft": copy.deepcopy(wrong)}}
    assert not complete(data) and data["traces"] == {} and data["runs"]["sft"] == wrong
    assert wanted("no such kind", RUN, data) is None
