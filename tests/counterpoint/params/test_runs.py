"""Arms, runs and traces that cannot be: one line that names the key and the remedy."""

import copy

import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import compose
from counterpoint.params.training import RUN_KEYS


@pytest.fixture(scope="module")
def composed(root):
    return compose.study("complements", root / "studies")


def test_the_study_of_all_complements_is_valid(composed):
    settings = params.parse(composed)
    assert {params.method(settings, run.arm).name for run in settings.runs.trained.values()} == {
        "sft", "rl", "sft_then_rl", "dft", "chord", "relift",
    }  # fmt: skip
    assert settings.runs.trained["sft_self-tiny-400-0"].traces == "self-tiny-400"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("arms.dft.method", "dtf", "arms.dft.method is 'dtf'; did you mean 'dft'?"),
        ("arms.chord_mu.options.variant", "nu", "arms.chord_mu.options: variant must be mu or phi"),
        ("arms.relift.options.batsh", 3, "unknown key arms.relift.options.batsh; did you mean 'batch'?"),
        ("arms.sft.options", {"mu": 1}, "unknown key arms.sft.options.mu"),
        ("arms.sft_self.traces", "selv", "arms.sft_self.traces is 'selv'; did you mean 'self'?"),
        ("arms.rl.traces", "self", "arms.rl.traces is 'self', but 'rl' imitates no traces; leave it out"),
        ("arms.rl.start", "sft", "arms.rl.start is 'sft', but 'rl' starts from the base; leave it out"),
        ("arms.sft_then_rl.start", None, "arms.sft_then_rl.start is missing: name the arm that it goes on from"),
        ("arms.sft_then_rl.start", "sfd", "arms.sft_then_rl.start is 'sfd'; did you mean 'sft'?"),
        ("arms.sft_then_rl.start", "sft_then_rl", "arms.sft_then_rl.start leads back to 'sft_then_rl'"),
        ("arms.split_25.part", [0.5, 0.25], "arms.split_25.part is [0.5, 0.25]; it must be two rising shares"),
        ("arms.sft_stop_25.settings.stop_at", 0, "arms.sft_stop_25.settings.stop_at must be null, or above 0 and at"),
        ("kinds.noisy.way", "nosy", "kinds.noisy.way is 'nosy'; did you mean 'noisy'?"),
        ("kinds.noisy.teacher", "self", "kinds.noisy.teacher is 'self', but noisy traces have none; set it to null"),
        ("kinds.self.teacher", None, "kinds.self.teacher is missing: self, base-MODEL, an arm or a run"),
        ("distill.near_duplicate", 0, "distill.near_duplicate must be above 0 and at most 1, not 0"),
        ("distill.keep", 0, "distill.keep must be at least 1, not 0"),
        ("claims.small", "2kk", "claims.small: unknown name '2kk'"),
        (
            "arms.sft_part_25.part",
            [0.1, 0.101],
            "sft_part_25-tiny-400-0: arms.sft_part_25.part [0.1, 0.101] is none of the 400 problems of '400'",
        ),
        ("kinds.self_again.teacher", "sft_self_again", "kinds.self_again.teacher is 'sft_self_again', which leads to"),
        ("kinds.self.teacher", "sft_self_again", "which leads to arm 'sft_self', and that learns from self traces"),
        (
            "kinds.sibling.teacher",
            "sft_sibling-small-400-0",
            "leads to arm 'sft_sibling', and that learns from sibling",
        ),
        ("arms.a-b", {"method": "sft", "settings": {}}, "arms has the name 'a-b'; use letters, digits and _ alone"),
        ("arms.base", {"method": "sft", "settings": {}}, "arms.base cannot be called so, for 'base' names what is not"),
        ("models./tmp/up", "data/models/base/tiny", "models has the name '/tmp/up'"),
        ("sampling.sizes.-1", 100, "sampling.sizes has the name '-1'"),
        ("kinds.a/b", {"way": "oracle", "teacher": None}, "kinds has the name 'a/b'"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(root, path, value, said):
    data = compose.study("complements", root / "studies")
    *places, last = path.split(".")
    place = data
    for name in places:
        place = place.setdefault(name, {})
    place[last] = value
    with pytest.raises(UserError) as caught:
        params.parse(data)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def without(data: dict, arm: str, model: str) -> dict:
    """The parameters without the runs of an arm on a model, every other run a line of its own."""
    lines = [{key: getattr(run, key) for key in RUN_KEYS} for run in params.parse(data).runs.trained.values()]
    kept = [line for line in lines if (line["arm"], line["model"]) != (arm, model)]
    return {**data, "runs": {**data["runs"], "train": kept}}


def test_a_start_or_a_teacher_that_is_not_in_the_study_is_named(composed):
    with pytest.raises(UserError, match=r"starts from sft_part_25-tiny-400-0, which is not in runs\.train; add it"):
        params.parse(without(composed, "sft_part_25", "tiny"))
    with pytest.raises(UserError, match=r"traces sibling-400 are taught by sft-small-400-0, which is no run"):
        params.parse(without(composed, "sft", "small"))


@pytest.mark.parametrize("name", ["a.b", "..", "", "a b", "a\n", "ä"])
def test_a_name_that_is_no_part_of_a_path_or_a_key_is_refused(composed, name):
    data = {**composed, "models": {**composed["models"], name: "data/models/base/tiny"}}
    with pytest.raises(UserError) as caught:
        params.parse(data)
    assert f"models has the name {name!r}" in str(caught.value) and "\n" not in str(caught.value)


def test_a_cycle_through_a_start_is_refused(composed):
    data = copy.deepcopy(composed)
    data["arms"]["sft_sibling"]["traces"] = "late"
    data["arms"]["later"] = {"method": "sft_then_rl", "settings": {}, "start": "sft_sibling"}
    data["kinds"]["late"] = {"way": "sampled", "teacher": "later"}
    with pytest.raises(UserError, match="'later', which leads to arm 'sft_sibling', and that learns from late traces"):
        params.parse(data)


def test_the_base_of_another_model_teaches(composed):
    data = copy.deepcopy(composed)
    data["kinds"]["sibling"]["teacher"] = "base-small"
    made = params.parse(data).traces["sibling-400"]
    assert (made.model, made.reads, made.teacher) == (None, "base", "base-small")
    data["kinds"]["sibling"]["teacher"] = "base-smal"
    with pytest.raises(UserError, match="sibling-400 are taught by base-smal, but models has no 'smal'; did you mean"):
        params.parse(data)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"arm": "rll"}, "runs.train[0].arm: unknown name 'rll'; did you mean 'rl'?"),
        ({"model": "tinny"}, "runs.train[0].model: unknown name 'tinny'; did you mean 'tiny'?"),
        ({"sample": "4000"}, "runs.train[0].sample: unknown name '4000'; did you mean '400'?"),
        ({"seed": -1}, "runs.train[0].seed must be between 0 and 4294967295, not -1"),
    ],
)
def test_a_run_of_what_is_not_there_is_named(composed, rule, said):
    run = {"arm": "rl", "model": "tiny", "sample": "400", "seed": 0} | rule
    with pytest.raises(UserError) as caught:
        params.parse({**composed, "runs": {**composed["runs"], "train": [run]}})
    assert said in str(caught.value) and "\n" not in str(caught.value)
