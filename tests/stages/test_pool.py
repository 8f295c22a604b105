"""What runs read of the pool: parts that meet share no problem, demonstrations of these problems alone."""

import pyarrow.parquet as pq
import pytest

from counterpoint import tables
from counterpoint.errors import UserError
from stages.pool import demonstrations, part_of, sample_problems


def test_the_parts_of_a_sample_are_all_of_it_and_share_nothing(mini):
    mini()
    problems = sample_problems("32")
    for share in (0.25, 0.3, 0.5, 0.75):
        first, rest = part_of(problems, [0.0, share]), part_of(problems, [share, 1.0])
        assert first + rest == problems and len(first) == round(32 * share)
    assert part_of(problems, None) == problems


def test_the_demonstrations_are_those_of_the_problems_asked_for(mini):
    folder = mini()
    problems = sample_problems("16")
    texts, tokens = demonstrations("oracle-16", problems)
    assert list(texts) and all(
        texts[p.problem_id] == [f"<think>{p.reasoning}</think><answer>{p.answer}</answer>"] for p in problems
    )
    assert tokens == 0
    place = folder / "data/traces/oracle-16/trace_problems.parquet"
    spent = {p.problem_id: 10**number for number, p in enumerate(problems)}
    rows = [{**row, "generated_tokens": spent[row["problem_id"]]} for row in pq.read_table(place).to_pylist()]
    tables.write("trace_problems", rows, place)
    texts, tokens = demonstrations("oracle-16", problems[:4])
    assert set(texts) == {p.problem_id for p in problems[:4]} and tokens == 1111
    assert demonstrations("oracle-16", problems[2:5])[1] == 11100


def test_what_was_sampled_for_unsolved_problems_is_paid_too(mini):
    folder = mini()
    problems = sample_problems("16")
    place = folder / "data/traces/oracle-16"
    rows = pq.read_table(place / "trace_problems.parquet").to_pylist()
    tables.write("trace_problems", [{**row, "generated_tokens": 5} for row in rows], place / "trace_problems.parquet")
    shown = pq.read_table(place / "demonstrations.parquet").to_pylist()
    solved = {problems[0].problem_id}
    tables.write("demonstrations", [r for r in shown if r["problem_id"] in solved], place / "demonstrations.parquet")
    texts, tokens = demonstrations("oracle-16", problems[:4])
    assert set(texts) == solved and tokens == 20


def test_a_set_of_other_columns_is_told_in_a_line(mini):
    place = mini() / "data/traces/oracle-16/trace_problems.parquet"
    pq.write_table(pq.read_table(place).drop_columns("generated_tokens"), place)
    with pytest.raises(UserError, match=r"oracle-16: not a trace set .*dvc repro distill@oracle-16") as told:
        demonstrations("oracle-16", sample_problems("16"))
    assert "\n" not in str(told.value)


def test_a_set_that_is_missing_or_of_other_problems_is_named(mini):
    mini()
    with pytest.raises(UserError, match="dvc repro distill@self-mini-16"):
        demonstrations("self-mini-16", sample_problems("16"))
    others = [p for p in sample_problems("32") if p not in sample_problems("16")]
    with pytest.raises(UserError, match="no trace of these 16 problems"):
        demonstrations("oracle-16", others)
