"""Arms, runs and traces that cannot be: one line that names the key and the remedy."""

import pytest

from counterpoint import params, studies
from counterpoint.errors import UserError


@pytest.fixture(scope="module")
def composed(root):
    return studies.compose("complements", root / "studies")


def test_the_study_of_all_complements_is_valid(composed):
    settings = params.parse(composed)
    assert {params.method(settings, run.arm).name for run in settings.runs.trained.values()} == {
        "sft", "rl", "sft_then_rl", "dft", "chord", "relift",
    }  # fmt: skip
    assert settings.runs.sft["sft_self-tiny-400-0"].traces == "self-tiny-400"


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
        ("arms.sft_stop_25.settings.stop_at", 0, "arms.sft_stop_25: stop_at must be null, or above 0 and at most 1"),
        ("kinds.noisy.way", "nosy", "kinds.noisy.way is 'nosy'; did you mean 'noisy'?"),
        ("kinds.noisy.teacher", "self", "kinds.noisy.teacher is 'self', but noisy traces have none; set it to null"),
        ("kinds.self.teacher", None, "kinds.self.teacher is missing: self, an arm or a run"),
        ("distill.near_duplicate", 0, "distill.near_duplicate must be above 0 and at most 1, not 0"),
        ("distill.keep", 0, "distill.keep must be at least 1, not 0"),
        ("claims.small", "2kk", "claims.small is '2kk'"),
        ("traces.oracle-400.sample", "4000", "traces.oracle-400"),
        ("traces.sibling-400.reads", "sft-small-400-9", "traces.sibling-400"),
        (
            "runs.sft.sft_self-tiny-400-0.traces",
            "oracle-400",
            "runs.sft.sft_self-tiny-400-0.traces must be self-tiny-400",
        ),
        ("runs.sft_then_rl.split_25-tiny-400-0.start", "sft", "split_25-tiny-400-0.start must be sft_part_25"),
        ("runs.mixed.relift-tiny-400-0.traces", None, "runs.mixed.relift-tiny-400-0.traces must be oracle-400"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(root, path, value, said):
    data = studies.compose("complements", root / "studies")
    *places, last = path.split(".")
    place = data
    for name in places:
        place = place.setdefault(name, {})
    place[last] = value
    with pytest.raises(UserError) as caught:
        params.parse(data)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_start_or_a_teacher_that_is_not_in_the_study_is_named(root):
    data = studies.compose("complements", root / "studies")
    del data["runs"]["sft"]["sft_part_25-tiny-400-0"]
    with pytest.raises(UserError, match=r"starts from sft_part_25-tiny-400-0, which is not in runs\.sft; add it there"):
        params.parse(data)
    data = studies.compose("complements", root / "studies")
    del data["runs"]["sft"]["sft-small-400-0"]
    with pytest.raises(UserError, match=r"traces\.sibling-400 is taught by sft-small-400-0, which is no run"):
        params.parse(data)
