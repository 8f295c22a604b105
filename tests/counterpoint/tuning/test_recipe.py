"""The parameters of trials: the study's own, but for the problems that judge and the runs that are made."""

import copy

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import compose
from counterpoint.tuning import recipe


@pytest.fixture
def planned(data, settings):
    """`planned(arm, ready=())`: the parameters and the steps of an arm's trials."""

    def plan(arm, ready=(), study=settings):
        own = compose.merge(recipe.world(data, 256), {})
        steps = recipe.with_run(own, study, arm, "tiny", "500", 1000, ready)
        return params.parse(own), steps

    return plan


def test_what_is_trained_on_stays_and_only_probes_in_domain_judge(data, settings, planned):
    found, _ = planned("sft")
    assert found.sft == settings.sft and found.rl == settings.rl and found.sampling == settings.sampling
    assert (found.problems.train, found.problems.seed) == (settings.problems.train, settings.problems.seed)
    assert (found.problems.per_probe, found.probe.suites, found.probe.at_least) == (256, ["in_domain"], 2)
    assert found.checkpoint == "last" and found.models["tiny"].startswith("/")
    assert recipe.world(data, None)["problems"]["per_probe"] == settings.problems.per_probe


def test_a_source_of_files_is_left_whole_and_found_from_anywhere(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = copy.deepcopy(data)
    own["source"] |= {"kind": "folder", "path": "rows", "benchmarks": {"mathvista": {"path": "tests"}}}
    found = recipe.world(own, 256)
    assert found["problems"] == data["problems"] and found["suites"] == data["suites"]
    assert found["source"]["path"] == str(tmp_path / "rows")
    assert found["source"]["benchmarks"]["mathvista"]["path"] == str(tmp_path / "tests")
    assert own["source"]["path"] == "rows"


def test_the_steps_of_an_arm_are_what_it_needs_in_order(planned):
    assert planned("rl")[1] == [("train", "rl-tiny-500-1000")]
    assert planned("dft")[1] == [("distill", "oracle-500"), ("train", "dft-tiny-500-1000")]
    assert planned("chord_mu")[1] == [("distill", "oracle-500"), ("train", "chord_mu-tiny-500-1000")]
    found, steps = planned("sft_self_again")
    assert steps == [
        ("distill", "self-tiny-500"), ("train", "sft_self-tiny-500-1000"),
        ("distill", "self_again-tiny-500-1000"), ("train", "sft_self_again-tiny-500-1000"),
    ]  # fmt: skip
    assert list(found.runs.trained) == ["sft_self_again-tiny-500-1000", "sft_self-tiny-500-1000"]
    assert planned("sft_sibling")[1][:2] == [("distill", "oracle-20k"), ("train", "sft-small-20k-0")]


def test_a_start_is_trained_unless_its_own_search_gives_it(planned):
    own = ("train", "sft_then_rl-tiny-500-1000")
    assert planned("sft_then_rl")[1] == [("distill", "oracle-500"), ("train", "sft-tiny-500-1000"), own]
    found, steps = planned("sft_then_rl", ready={"sft"})
    assert steps == [own] and "sft-tiny-500-1000" in found.runs.trained


def test_a_teacher_that_no_run_of_the_study_is_is_refused(planned, data):
    own = copy.deepcopy(data)
    own["runs"]["train"][0]["samples"] = ["2k"]
    with pytest.raises(UserError, match=r"kinds\.sibling\.teacher: 'sft-small-20k-0' is no run of this study"):
        planned("sft_sibling", study=params.parse(own))
