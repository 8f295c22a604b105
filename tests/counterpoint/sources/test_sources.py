import dataclasses

import pytest

from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.sources import check_rejects, prove

SUITES = ["in_domain", "text_twin"]


def world():
    """One problem a split, and the probe of in_domain."""
    made = []
    for split in ("train", "in_domain", "probe"):
        tags = ("suite:in_domain",) if split == "probe" else ()
        made.append(
            Problem(
                f"s-{split}", f"p-{split}", "mine", "f", split, 1, "q ?", (), "1", "integer", text_twin="one", tags=tags
            )
        )
    return made


def change(split: str, **values):
    return [dataclasses.replace(p, **values) if p.split == split else p for p in world()]


def test_a_sound_world_passes():
    prove(world(), SUITES, "mine")


@pytest.mark.parametrize(
    ("problems", "suites", "said"),
    [
        (change("train", state_id="s-in_domain"), SUITES, "both in train and in suites"),
        (change("train", state_id="s-probe"), SUITES, "both in train and in probe"),
        (change("probe", state_id="s-in_domain"), SUITES, "both in probe and in suites"),
        (change("train", problem_id="p-probe"), SUITES, "occurs twice"),
        (change("train", answer=""), SUITES, "the answer is empty"),
        (world(), [*SUITES, "rule_shift"], "no problems for suite 'rule_shift'"),
        (change("probe", tags=()), SUITES, "no probe problems for suite 'in_domain'"),
        (change("in_domain", text_twin=None), SUITES, "no text twin"),
        (change("probe", text_twin=""), SUITES, "no text twin"),
    ],
)
def test_every_lapse_is_told(problems, suites, said):
    with pytest.raises(UserError, match=said):
        prove(problems, suites, "mine")


def test_a_study_may_only_test():
    prove(world()[1:], SUITES, "mine")


def test_twins_are_wanted_only_where_they_are_shown():
    prove(change("in_domain", text_twin=None), ["in_domain"], "mine")


def test_rejects_are_counted_against_what_is_allowed():
    rejects = [{"file": "a.jsonl", "line": n, "reason": "broken JSON"} for n in (3, 5)]
    check_rejects(rejects, 2, "rejects.parquet")
    with pytest.raises(UserError, match=r"2 rows .*a\.jsonl, line 3: broken JSON.*SET='source\.rejects_allowed=2'"):
        check_rejects(rejects, 1, "rejects.parquet")
