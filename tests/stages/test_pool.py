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
    place = folder / "data/traces/oracle-16/trace_sets.parquet"
    tables.write("trace_sets", [{**pq.read_table(place).to_pylist()[0], "generated_tokens": 1600}], place)
    texts, tokens = demonstrations("oracle-16", problems[:4])
    assert set(texts) == {p.problem_id for p in problems[:4]} and tokens == 400


def test_a_set_that_is_missing_or_of_other_problems_is_named(mini):
    mini()
    with pytest.raises(UserError, match="dvc repro distill@self-mini-16"):
        demonstrations("self-mini-16", sample_problems("16"))
    others = [p for p in sample_problems("32") if p not in sample_problems("16")]
    with pytest.raises(UserError, match="no trace of these 16 problems"):
        demonstrations("oracle-16", others)
