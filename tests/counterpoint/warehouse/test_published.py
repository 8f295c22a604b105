"""How a published table is written: nothing of it is lost, and little space is taken."""

import math
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from counterpoint.warehouse import published

ROWS = 4000


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = Random(0)
    return pa.table(
        {
            "name": pa.array([None if i % 7 == 0 else f"n{i % 5}" for i in range(ROWS)]),
            "hash": pa.array([f"{rng.getrandbits(64):016x}" for _ in range(ROWS)]),
            "count": pa.array([None if i % 11 == 0 else -i for i in range(ROWS)]),
            "seconds": pa.array([None if i % 13 == 0 else rng.random() for i in range(ROWS)]),
            "share": pa.array([(math.inf, -0.0, 0.1, None)[i % 4] for i in range(ROWS)]),
            "right": pa.array([None if i % 17 == 0 else i % 3 == 0 for i in range(ROWS)]),
            "tags": pa.array([None if i % 5 == 0 else ["a", "b"][: i % 3] for i in range(ROWS)]),
        }
    )


def test_every_type_comes_back_as_it_was(table, tmp_path):
    published.save(table, tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").equals(table)
    published.save(table.slice(0, 0), tmp_path / "none.parquet")
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def test_it_takes_less_space_than_parquet_as_it_is_written_by_default(table, tmp_path):
    published.save(table, tmp_path / "t.parquet")
    pq.write_table(table, tmp_path / "plain.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 0.9 * (tmp_path / "plain.parquet").stat().st_size


def test_an_error_is_explained_only_where_the_question_named_what_was_left_out():
    study = {"study": "s", "tables": {"runs": 1, "evals": 1}, "left_out": {"evals": ["completion"], "completions": []}}
    column = UserError('query: Binder Error: Referenced column "completion" not found in FROM clause!')
    assert "evals.completion is not in the published study 's'" in str(
        published.explained(column, "select completion from evals", study)
    )
    assert published.explained(column, "select completion from runs", study) is column
    table = UserError("query: Catalog Error: Table with name completions does not exist!")
    assert "completions is not in the published" in str(published.explained(table, "from completions", study))
    other = UserError("query: Catalog Error: Table with name runz does not exist!")
    assert published.explained(other, "from runz", study) is other
