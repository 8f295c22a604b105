"""What is kept of the attempts at a problem, and how it is counted: the same numbers as the mart `acceptance` has."""

from dataclasses import asdict

import duckdb
import pyarrow as pa
import pytest

from counterpoint import tables
from counterpoint.distill.accept import acceptance, choose, distinct, grams, likeness, rows, wrong_steps
from counterpoint.generation.completion import Completion
from counterpoint.prompt import completion_text
from counterpoint.warehouse.contract import MARTS, files
from tests.counterpoint.distill.made_up import drafted

PROBLEM, _ = drafted(1, "count", 3)
GOLD = PROBLEM.reasoning


def tried(reasoning: str, answer: str | None = None, truncated: bool = False) -> Completion:
    text = completion_text(reasoning, PROBLEM.answer if answer is None else answer)
    return Completion(text, len(text.split()), truncated)


ATTEMPTS = [
    tried(GOLD, "99"),  # wrong
    tried(GOLD, truncated=True),  # cut
    tried(GOLD),
    tried(GOLD.upper()),  # alike
    tried(GOLD),  # equal
    tried("by eye ."),
    Completion(f"<think>{GOLD}</think>{PROBLEM.answer}", 9, False),  # not in the format
    tried("at a glance ."),
    tried("a <answer>1</answer> in the reasoning"),
]


@pytest.mark.parametrize(("keep", "kept"), [(1, (2,)), (2, (2, 5)), (9, (2, 5, 7))])
def test_the_first_right_and_distinct_ones_are_kept(keep, kept):
    chosen = choose(PROBLEM, ATTEMPTS, keep, 0.9)
    assert (chosen.attempts, chosen.accepted, chosen.duplicates) == (9, 5, 2)
    assert tuple(index for index, _ in chosen.kept) == kept
    assert all(completion == ATTEMPTS[index] for index, completion in chosen.kept)


def test_nothing_right_keeps_nothing():
    assert choose(PROBLEM, ATTEMPTS[:2], 3, 0.9).counts() == {
        "problems": 1, "solved": 0, "attempts": 2, "accepted": 0, "duplicates": 0, "kept": 0,
    }  # fmt: skip
    nothing = choose(PROBLEM, [], 3, 0.9)
    assert (nothing.attempts, nothing.generated_tokens) == (0, 0)


def test_wrong_steps_are_measured_over_the_kept_traces():
    count, _ = drafted(1, "count", 3)
    bare, _ = drafted(5, "cards", 3, kind="reach")
    false = GOLD.replace(GOLD.split()[0], "0", 1)
    chosen = [choose(PROBLEM, [tried(false), tried(GOLD)], 1, 0.9), choose(count, [tried(GOLD)], 1, 0.9)]
    each = GOLD.count(" .")
    assert wrong_steps(chosen) == pytest.approx(1 / (2 * each))
    expression = Completion(completion_text(bare.reasoning, bare.answer), 9, False)
    assert wrong_steps([choose(bare, [expression], 1, 0.9)]) is None
    assert wrong_steps([choose(PROBLEM, [tried("by eye .")], 1, 0.9)]) is None


@pytest.fixture
def many():
    """12 problems of three families and two difficulties, some of them solved."""
    found = []
    for seed in range(12):
        problem, _ = drafted(seed, ("count", "grid", "cards")[seed % 3], 3 + seed % 2)
        right = Completion(completion_text(problem.reasoning, problem.answer), 10, False)
        wrong = Completion("<think></think><answer>none</answer>", 5, False)
        found.append(choose(problem, [wrong, *[right] * (seed % 4), wrong], 1, 0.9))
    return found


ABOUT = {
    "trace_set": "self-tiny-2k", "kind": "self", "way": "sampled", "model": "tiny", "sample": "2k", "seed": 0,
    "teacher": "base-tiny", "samples": 5, "keep": 1, "temperature": 1.0, "top_p": 1.0, "max_tokens": 48,
    "near_duplicate": 0.9,
}  # fmt: skip


def test_the_tables_hold_every_count_and_the_kept_texts(many):
    found = rows(ABOUT, many)
    (made,) = found["trace_sets"]
    assert set(made) | {"noise"} == set(tables.TABLES["trace_sets"].schema.names)
    assert {name: made[name] for name in ABOUT} == ABOUT
    # refused ones included: 5 tokens twice a problem; and a problem nobody solved cost as well
    each = {row["problem_id"]: row["generated_tokens"] for row in found["trace_problems"]}
    assert list(each.values()) == [10 + 10 * (seed % 4) for seed in range(12)]
    assert made["generated_tokens"] == sum(each.values()) == 300
    assert (made["problems"], made["solved"], made["kept"]) == (12, 9, 9) and made["wrong_steps"] == 0
    assert made["attempts"] == sum(2 + seed % 4 for seed in range(12)) and made["accepted"] == 18
    assert made["duplicates"] == 9
    for name, grain in (("trace_problems", 12), ("demonstrations", 9)):
        assert len(found[name]) == grain
        assert all(set(tables.TABLES[name].schema.names) <= set(row) for row in found[name])
    assert {row["tokens"] for row in found["demonstrations"]} == {10}
    assert {row["sample_index"] for row in found["demonstrations"]} == {1}
    unsampled = rows({"trace_set": "oracle-2k"}, [choose(PROBLEM, [Completion(ATTEMPTS[2].text, 0, False)], 1, 0.9)])
    assert unsampled["demonstrations"][0]["tokens"] is None  # no model wrote it
    assert unsampled["trace_problems"][0]["generated_tokens"] == 0 == unsampled["trace_sets"][0]["generated_tokens"]


def test_the_mart_counts_as_the_table_that_is_printed(many):
    found = rows(ABOUT, many)
    problems = [asdict(one.problem) for one in many]
    with duckdb.connect() as db:
        for name in ("trace_sets", "trace_problems"):
            schema = tables.TABLES[name].schema
            plain = [{column: row.get(column) for column in schema.names} for row in found[name]]
            db.register(name, pa.Table.from_pylist(plain, schema))
        db.register(
            "problems",
            pa.Table.from_pylist([{k: p[k] for k in ("problem_id", "family", "difficulty")} for p in problems]),
        )
        mart = db.sql(files("marts")["acceptance"]).to_arrow_table().to_pylist()
        db.execute(f"create table acceptance as {files('marts')['acceptance']}")
        asked = db.sql(files("queries")["acceptance"]).to_arrow_table().to_pylist()
    printed = {(row["family"], row["difficulty"]): row for row in acceptance(many)}
    assert len(mart) == len(printed) == len({tuple(row[k] for k in MARTS["acceptance"]) for row in mart}) == 12
    for row in mart:
        wanted = printed[row["family"], row["difficulty"]]
        assert {name: row[name] for name in wanted} == wanted
        assert row["coverage"] == wanted["solved"] / wanted["problems"]
        assert row["acceptance"] == wanted["accepted"] / wanted["attempts"]
        assert {name: row[name] for name in ABOUT if name in row} == {
            name: value for name, value in ABOUT.items() if name in row
        }
    whole = printed["all", None]
    assert (whole["problems"], whole["attempts"], whole["accepted"]) == (12, 42, 18)
    assert [(row["family"], row["difficulty"]) for row in asked] == [
        (family, "all" if difficulty is None else str(difficulty)) for family, difficulty in printed
    ]


def said(reasoning: str, answer: str = "1") -> str:
    return completion_text(reasoning, answer)

    return completion_text(reasoning, answer)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("a b c d", "a b c e", 1 / 3),  # abc bcd | abc bce
        ("a b c d e", "a b c d e", 1.0),
        ("a b c d e", "x a b c d e", 3 / 4),
        ("4 - 2 = 2 .", "4-2=2.", 1.0),  # spacing does not count
        ("The Red Bar", "the red bar", 1.0),  # nor case
        ("a b", "a b", 1.0),
        ("a b", "a b c", 0.0),
        ("a b a b a b", "a b a b", 1.0),  # how often does not count
        ("", "", 1.0),
        ("", "a", 0.0),
    ],
)
def test_likeness_is_the_share_of_common_grams(one, other, share):
    assert likeness(grams(said(one)), grams(said(other))) == pytest.approx(share)
    assert likeness(grams(said(other)), grams(said(one))) == pytest.approx(share)


def test_only_the_reasoning_counts():
    assert grams(said("a b c d", "7")) == grams(said("a b c d", "8"))
    assert grams("a b c d</think><answer>7</answer>") == frozenset()


def test_the_first_of_those_alike_is_left():
    texts = [said(t) for t in ("a b c d", "a b c e", "a b c d", "a  b c D", "x y z", "a b c e f", "x y")]
    assert distinct(texts, 0.9) == [0, 1, 4, 5, 6]
    assert distinct(texts, 2 / 3) == [0, 1, 4, 6]  # "a b c e f" shares 2 of 3 with "a b c e"
    assert distinct(texts, 1 / 3) == [0, 4, 5, 6]  # which is dropped now, and it shares 1 of 4 with "a b c d"
    assert distinct([], 0.5) == []


def test_likeness_is_to_what_is_left_not_to_what_was_dropped():
    first, second, third = said("a b c d e f"), said("b c d e f g"), said("c d e f g h")
    assert distinct([first, second, third], 0.6) == [0, 2]  # the second is like both, they are not alike


def test_equal_texts_count_once_where_nothing_else_is_alike():
    assert distinct([said("a"), said("a"), said("a .")], 2.0) == [0, 2]
