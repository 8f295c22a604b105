"""Names that must exist and numbers that must fit together: one line that names the key and the remedy."""

import pytest

from counterpoint import params
from counterpoint.params.training import LORA, RUN_KEYS


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rl.gradient_accumulation", 3, "batch_size 128 is not a multiple of gradient_accumulation 3; use 126"),
        ("rl.gradient_accumulation", 256, "not a multiple of gradient_accumulation 256; use 256"),
        ("sft.lora", {**LORA, "targets": []}, "sft.lora.targets is empty"),
        ("suites", [], "suites is empty; name at least one of in_domain"),
        ("suites", ["in_domain", "in_domain"], "suites names 'in_domain' 2 times; leave one"),
        ("evaluation.base_conditions", ["normal", "no_imag"], "unknown name 'no_imag'; did you mean 'no_image'"),
        ("evaluation.base_conditions", [], "evaluation.base_conditions is empty; name at least one of normal"),
        (
            "evaluation.base_conditions",
            ["no_image"],
            "evaluation.base_conditions lacks 'normal', the suites as they are",
        ),
        ("evaluation.trained_conditions", ["nomal"], "unknown name 'nomal'; did you mean 'normal'"),
        ("evaluation.trained_conditions", ["shuffled_image"], "evaluation.trained_conditions lacks 'normal'"),
        ("evaluation.sampled_suites", [], "evaluation.sampled_suites is empty; name at least one of in_domain"),
        (
            "evaluation.sampled_suites",
            ["in_domian"],
            "evaluation.sampled_suites: unknown name 'in_domian'; did you mean",
        ),
        ("evaluation.sampled_suites", ["easier", "easier"], "evaluation.sampled_suites names 'easier' 2 times"),
        ("probe.suites", [], "probe.suites is empty; name at least one of in_domain"),
        (
            "probe.suites",
            ["in_domain", "text_twinn"],
            "probe.suites: unknown name 'text_twinn'; did you mean 'text_twin'",
        ),
        ("tune.arms", {"sftt": {}}, "tune.arms: unknown name 'sftt'; did you mean 'sft'?"),
        ("problems.families", ["card"], "problems.families: unknown name 'card'; did you mean 'cards'?"),
        ("problems.families", [], "problems.families is empty; name at least one of count, chart, grid, cards"),
        ("suites", ["in_domian"], "did you mean 'in_domain'"),
        ("sampling.sizes.2k", 10**9, "sampling.sizes.2k is 1000000000, larger than the pool"),
        ("rl.batch_size", 100, "batch_size 100 is not a multiple of group_size 8; use 96"),
        ("rl.batch_size", 4, "not a multiple of group_size 8; use 8"),
        ("rl.rewards", {}, "name at least one of accuracy"),
        ("rl.rewards", {"acuracy": 1.0}, "did you mean 'accuracy'"),
        ("arms.sft.method", "stf", "did you mean 'sft'"),
    ],
)
def test_what_would_stop_a_run_later_is_refused_now(changed, refused, key, value, message):
    assert message in refused(changed(key, value))


MAPPED = {"question": "q", "answer": {"column": "a", "with": ["letter", "index_from_1"]}, "options": "o"}


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("fields", {}, "source.fields.question is missing; say which column holds the question"),
        ("fields", MAPPED | {"option": "o"}, "unknown key source.fields.option; did you mean 'options'?"),
        ("fields", MAPPED | {"difficulty": {"column": "l", "map": {}}}, "source.fields.difficulty.map must say what"),
        ("fields", MAPPED | {"answer": {"column": "a", "with": "index1"}}, "source.fields.answer.with is 'index1'"),
        ("family", None, "source.family must name a column or several, not None"),
        ("family", {"template": "games"}, "source.family.template must be a text with a {column} in it, not 'games'"),
        ("benchmarks", {"gsm8k": {"fields": {"question": "q"}}}, "source.benchmarks.gsm8k.fields.answer is missing"),
        ("benchmarks", {"gsm8k": {"fields": MAPPED, "family": {}}}, "source.benchmarks.gsm8k.family must have one of"),
    ],
)
def test_a_wrong_mapping_is_known_before_anything_is_read(changed, refused, key, value, named):
    data = changed("source.kind", "folder")
    data["source"] |= {"path": "rows", "fields": MAPPED}
    params.parse(data)
    data["source"][key] = value
    assert named in refused(data)


def test_rows_of_the_hub_lie_in_no_folder(changed, refused):
    data = changed("source.kind", "hub")
    data["source"] |= {"fields": MAPPED, "family": "folder"}
    assert "source.family is folder, but rows of the hub lie in none; name a column" in refused(data)
    data["source"]["kind"] = "folder"
    params.parse(data)


def test_a_folder_source_needs_a_path(changed, refused):
    data = changed("source.kind", "folder")
    data["source"]["path"] = None
    assert "source.path is missing for a folder source; set it, e.g. SET='source.path=" in refused(data)


def test_expressions_without_cards_are_refused(changed, refused):
    data = changed("problems.expressions", 0.5)
    data["problems"]["families"] = ["grid"]
    message = refused(data)
    assert "problems.expressions asks about cards" in message and "add them or set it to 0" in message


def test_the_study_of_all_complements_is_valid(composed):
    settings = params.parse(composed("complements"))
    assert {params.method(settings, run.arm).name for run in settings.runs.trained.values()} == {
        "sft", "rl", "sft_then_rl", "dft", "chord", "relift",
    }  # fmt: skip
    assert settings.runs.trained["sft_self-tiny-400-0"].traces == "self-tiny-400"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("arms.dft.method", "dtf", "arms.dft.method is 'dtf'; did you mean 'dft'?"),
        ("arms.chord_mu.options.variant", "nu", "arms.chord_mu.options: variant must be mu or phi"),
        ("arms.sft_self.traces", "selv", "arms.sft_self.traces is 'selv'; did you mean 'self'?"),
        ("arms.rl.traces", "self", "arms.rl.traces is 'self', but 'rl' imitates no traces; leave it out"),
        ("arms.rl.start", "sft", "arms.rl.start is 'sft', but 'rl' starts from the base; leave it out"),
        ("arms.sft_then_rl.start", None, "arms.sft_then_rl.start is missing: name the arm that it goes on from"),
        ("arms.sft_then_rl.start", "sfd", "arms.sft_then_rl.start is 'sfd'; did you mean 'sft'?"),
        ("arms.sft_then_rl.start", "sft_then_rl", "arms.sft_then_rl.start leads back to 'sft_then_rl'"),
        ("arms.split_25.part", [0.5, 0.25], "arms.split_25.part is [0.5, 0.25]; it must be two rising shares"),
        ("kinds.noisy.teacher", "self", "kinds.noisy.teacher is 'self', but noisy traces have none; set it to null"),
        ("kinds.self.teacher", None, "kinds.self.teacher is missing: self, base-MODEL, an arm or a run"),
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
def test_arms_kinds_and_names_that_cannot_be_are_refused(changed, refused, key, value, message):
    assert message in refused(changed(key, value, "complements"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("base", "tinny", "plants.tiny_list.base: unknown name 'tinny'; did you mean 'tiny'?"),
        ("behaviour", "target", "plants.tiny_list.expressions is 0, and target is a way"),
    ],
)
def test_a_plant_that_cannot_be_is_refused(changed, refused, key, value, message):
    assert message in refused(changed(f"plants.tiny_list.{key}", value, "planted"))


def without(data: dict, arm: str, model: str) -> dict:
    """The parameters without the runs of an arm on a model, every other run a line of its own."""
    lines = [{key: getattr(run, key) for key in RUN_KEYS} for run in params.parse(data).runs.trained.values()]
    kept = [line for line in lines if (line["arm"], line["model"]) != (arm, model)]
    return {**data, "runs": {**data["runs"], "train": kept}}


def test_a_start_or_a_teacher_that_is_not_in_the_study_is_named(composed, refused):
    message = refused(without(composed("complements"), "sft_part_25", "tiny"))
    assert "starts from sft_part_25-tiny-400-0, which is not in runs.train; add it" in message
    message = refused(without(composed("complements"), "sft", "small"))
    assert "traces sibling-400 are taught by sft-small-400-0, which is no run" in message


@pytest.mark.parametrize("name", ["a.b", "..", "", "a b", "a\n", "ä"])
def test_a_name_that_is_no_part_of_a_path_or_a_key_is_refused(composed, refused, name):
    data = composed("complements")
    data["models"][name] = "data/models/base/tiny"
    assert f"models has the name {name!r}" in refused(data)


def test_a_cycle_through_a_start_is_refused(composed, refused):
    data = composed("complements")
    data["arms"]["sft_sibling"]["traces"] = "late"
    data["arms"]["later"] = {"method": "sft_then_rl", "settings": {}, "start": "sft_sibling"}
    data["kinds"]["late"] = {"way": "sampled", "teacher": "later"}
    assert "'later', which leads to arm 'sft_sibling', and that learns from late traces" in refused(data)


def test_the_base_of_another_model_teaches(changed, refused):
    made = params.parse(changed("kinds.sibling.teacher", "base-small", "complements")).traces["sibling-400"]
    assert (made.model, made.reads, made.teacher) == (None, "base", "base-small")
    message = refused(changed("kinds.sibling.teacher", "base-smal", "complements"))
    assert "sibling-400 are taught by base-smal, but models has no 'smal'; did you mean" in message


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"arm": "rll"}, "runs.train[0].arm: unknown name 'rll'; did you mean 'rl'?"),
        ({"model": "tinny"}, "runs.train[0].model: unknown name 'tinny'; did you mean 'tiny'?"),
        ({"sample": "4000"}, "runs.train[0].sample: unknown name '4000'; did you mean '400'?"),
        ({"seed": -1}, "runs.train[0].seed must be between 0 and 4294967295, not -1"),
        ({"arm": "sft_then_rl"}, "starts from sft-tiny-400-0, which is not in runs.train"),
    ],
)
def test_a_run_of_what_is_not_there_is_named(changed, refused, rule, message):
    run = {"arm": "rl", "model": "tiny", "sample": "400", "seed": 0} | rule
    assert message in refused(changed("runs.train", [run], "complements"))


def test_a_base_that_is_not_there_is_named(changed, refused):
    assert "runs.base: unknown name 'big'" in refused(changed("runs.base", ["big"]))
