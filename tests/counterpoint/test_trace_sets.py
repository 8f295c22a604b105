"""Which trace set a run imitates, and that what follows from a run's arm is added."""

import pytest

from counterpoint.trace_sets import complete, wanted

KINDS = {
    "oracle": {"way": "oracle", "teacher": None},
    "self": {"way": "sampled", "teacher": "self"},
    "again": {"way": "sampled", "teacher": "sft_self"},
    "sibling": {"way": "sampled", "teacher": "sft-big-20k-0"},
}
ARMS = {"sft": {}, "sft_self": {"traces": "self"}, "later": {"start": "sft_self"}, "chord": {"traces": "sibling"}}
RUN = {"arm": "sft", "model": "tiny", "sample": "2k", "seed": 3}


@pytest.mark.parametrize(
    ("kind", "name", "model", "seed", "reads"),
    [
        ("oracle", "oracle-2k", None, 0, "base"),
        ("self", "self-tiny-2k", "tiny", 0, "base"),
        ("again", "again-tiny-2k-3", "tiny", 3, "sft_self-tiny-2k-3"),
        ("sibling", "sibling-2k", None, 0, "sft-big-20k-0"),
    ],
)
def test_a_set_is_shared_by_the_runs_that_may_share_it(kind, name, model, seed, reads):
    found = wanted(kind, RUN, {"kinds": KINDS, "arms": ARMS})
    assert found == (name, {"kind": kind, "model": model, "sample": "2k", "seed": seed, "reads": reads})


def test_one_line_turns_an_arm_on():
    data = {"kinds": KINDS, "arms": ARMS, "traces": {}, "runs": {
        "sft": {"a": {**RUN, "arm": "sft_self"}, "b": dict(RUN)}, "rl": {"c": {**RUN, "arm": "rl"}},
        "sft_then_rl": {"d": {**RUN, "arm": "later"}}, "mixed": {"e": {**RUN, "arm": "chord"}},
    }}  # fmt: skip
    assert complete(data)
    runs = data["runs"]
    assert (runs["sft"]["a"]["traces"], runs["sft"]["b"]["traces"]) == ("self-tiny-2k", "oracle-2k")
    assert runs["rl"]["c"] == {**RUN, "arm": "rl"}
    assert runs["sft_then_rl"]["d"]["start"] == "sft_self" and "traces" not in runs["sft_then_rl"]["d"]
    assert runs["mixed"]["e"]["traces"] == "sibling-2k"
    assert sorted(data["traces"]) == ["oracle-2k", "self-tiny-2k", "sibling-2k"]
    assert not complete(data)


def test_what_is_wrong_is_left_for_the_validation():
    data = {"kinds": KINDS, "arms": ARMS, "traces": {}, "runs": {"sft": {"a": {**RUN, "arm": "sftt"}, "b": 3}}}
    assert not complete(data) and data["traces"] == {}
    assert wanted("no such kind", RUN, data) is None
