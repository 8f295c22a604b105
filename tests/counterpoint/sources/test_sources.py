import dataclasses

import pytest

from counterpoint.errors import UserError
from counterpoint.problem import Problem
from counterpoint.sources import check_rejects, prove, reasons

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


def refused(*reasons: str) -> list[dict]:
    return [{"source": "mine", "file": "a.jsonl", "line": n, "reason": reason} for n, reason in enumerate(reasons, 1)]


def test_all_reasons_are_told_by_count_with_their_first_row():
    lines = reasons(refused("no column 'o'", "the answer is empty", "no column 'o'", "no column 'p'"))
    assert lines == [
        "      2  no column 'o' (a.jsonl, line 1)",
        "      1  no column 'p' (a.jsonl, line 4)",
        "      1  the answer is empty (a.jsonl, line 2)",
    ]


def test_reasons_that_differ_in_a_row_s_own_values_are_one():
    paths = [f"its picture 'x{n}.png' has {n} bytes, more than 7" for n in range(4)]
    lists = [f"the answer {n!r} is not among the options {list(range(n))}" for n in range(5)]
    cut_off = [f"its {'x' * n!r:.6} is no letter" for n in range(6, 10)]
    assert reasons(refused(*paths, *lists, *cut_off)) == [
        "      5  the answer … is not among the options … (a.jsonl, line 5)",
        "      4  its picture … has … bytes, more than 7 (a.jsonl, line 1)",
        "      4  its 'xxxxx is no letter (a.jsonl, line 10)",
    ]


def test_a_row_without_file_is_told_by_its_source():
    assert reasons([{"source": "mine", "file": "", "line": None, "reason": "why"}]) == ["      1  why (mine)"]
    assert reasons([]) == []


def test_where_no_row_is_left_the_most_frequent_reason_is_told():
    with pytest.raises(UserError, match=r"^mine: no row can be used; of 3 refused: 2 b \(a\.jsonl, line 2\)$"):
        prove([], SUITES, "mine", refused("a", "b", "b"))
