"""The battery for any gold answer: the judges pass it, and nothing in it is right by accident."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint.lint import battery, golds
from counterpoint.lint.battery import Gold
from counterpoint.verify import judge, judge_leniently

GOLDS = [
    Gold("5", "integer", question="how many ?"), Gold("1,234", "integer"), Gold("0", "integer"), Gold("-3", "integer"),
    Gold("100", "number"), Gold("0.25", "number"), Gold("0.50", "number"), Gold("1/2", "number"),
    Gold("dark red", "text"), Gold("5 cm", "text"), Gold("yes", "text"), Gold("$18", "text"), Gold("none", "text"),
    Gold("red", "choice", ("blue", "red", "green")), Gold("12", "choice", ("12", "21", "1")),
    Gold(r"$2 \pi$", "choice", (r"$\pi$", r"$2 \pi$")), Gold("B", "choice", ("A", "B", "C")),
    Gold("M", "choice", ("m", "M")), Gold("x+1", "expression"), Gold(r"\frac{1}{2}", "expression"),
    Gold("( 3 + 4 ) * 2", "expression", ("3", "4", "2")),
]  # fmt: skip
OTHERS = ["blue", "7 m", "y+2"]
# the lenient judge knows neither <SOLUTION> nor that an empty `####` is an answer
LENIENT = [name for name in battery.formats() if name not in ("solution", "hash")]


def formats(gold: Gold) -> dict[str, battery.Format]:
    """All formats; two, where comparing takes algebra."""
    algebra = gold.answer_type == "expression" and not gold.options
    return {name: form for name, form in battery.formats().items() if not algebra or name in ("tags", "boxed")}


def verdicts(case) -> tuple[bool, bool]:
    gold = case.gold
    options = list(gold.options) or None
    return tuple(
        judged(case.completion, gold.answer, gold.answer_type, options).correct for judged in (judge, judge_leniently)
    )


@pytest.mark.parametrize("gold", GOLDS, ids=[f"{gold.answer_type} {gold.answer}" for gold in GOLDS])
def test_no_attack_in_any_format_persuades_a_judge(gold):
    for name, form in formats(gold).items():
        cases = list(battery.wrong(gold, form, OTHERS))
        assert len(cases) > 40
        for case in cases:
            strict, lenient = verdicts(case)
            assert not strict and not (lenient and name in LENIENT), case


@pytest.mark.parametrize("gold", GOLDS, ids=[f"{gold.answer_type} {gold.answer}" for gold in GOLDS])
def test_right_answers_are_right_for_the_judges_that_they_are_meant_for(gold):
    for name, form in formats(gold).items():
        for case in battery.right(gold, form):
            strict, lenient = verdicts(case)
            assert strict == (name == "tags" and case.right is True), case
            assert lenient or name == "solution", case


def test_wrong_answers_to_fixed_golds_are_of_the_types_asked_for_alone():
    form = battery.formats()["boxed"]
    assert list(battery.fixed_wrong(["text"], form)) == []
    cases = list(battery.fixed_wrong(["expression"], form))
    assert len(cases) > 100 and not any(
        judge_leniently(c.completion, c.gold.answer, "expression").correct for c in cases
    )


def test_an_answer_that_happens_to_be_right_is_no_attack():
    form = battery.formats()["bare"]
    written = {case.completion for case in battery.wrong(Gold("correct", "text"), form, [])}
    assert "correct" not in written and "The answer is correct" in written
    assert "0 / 1" not in {case.completion for case in battery.wrong(Gold("0", "integer"), form, [])}
    assert "1/1" not in {case.completion for case in battery.wrong(Gold("1", "integer"), form, [])}


def test_golds_are_spread_over_types_and_taken_once(root):
    pool = golds.read(root / "tests/fixtures/lint/golds.jsonl")
    assert [gold.answer_type for gold in golds.spread(pool, 5)] == ["integer", "number", "text", "choice", "expression"]
    assert len(golds.spread(pool + pool, 100)) == len(pool) == 20


def test_other_columns_are_kept_but_for_pictures(tmp_path):
    rows = {"answer": ["5"], "level": [3], "picture": [{"bytes": b"PNG", "path": None}], "tags": [["a", "b"]]}
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    (gold,) = golds.read(tmp_path / "rows.parquet")
    assert gold.row == {"level": 3, "tags": ["a", "b"]}
