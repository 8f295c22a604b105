"""Record tables: schema, order, nulls and the swap into place."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint.tables import TABLES, write


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_without_rows_is_a_file_with_its_schema(tmp_path, name):
    write(name, [], tmp_path / "deep" / f"{name}.parquet")
    table = pq.read_table(tmp_path / "deep" / f"{name}.parquet")
    assert (table.num_rows, table.schema) == (0, TABLES[name].schema)


@pytest.mark.parametrize("name", list(TABLES))
def test_the_key_names_columns(name):
    assert set(TABLES[name].key) <= set(TABLES[name].schema.names)


def test_rows_are_sorted_by_the_key_and_the_bytes_do_not_depend_on_their_order(tmp_path):
    rows = [{"run_id": f"r{r}", "step": step, "loss": r / 7 + step} for r in (2, 1) for step in (10, 9, 0)]
    write("steps", rows, tmp_path / "a.parquet")
    random.Random(0).shuffle(rows)
    write("steps", iter(rows), tmp_path / "b.parquet")
    keys = [(row["run_id"], row["step"]) for row in pq.read_table(tmp_path / "a.parquet").to_pylist()]
    assert keys == [("r1", 0), ("r1", 9), ("r1", 10), ("r2", 0), ("r2", 9), ("r2", 10)]
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_missing_values_are_null_come_first_and_unknown_columns_are_left_out(tmp_path):
    rows = [
        {"run_id": "r", "phase": "step", "step": 1, "started_at": "t", "unknown": 3},
        {"run_id": "r", "phase": "step", "step": None, "started_at": "t"},
        {"run_id": "r", "phase": "step", "step": None, "started_at": None},
    ]
    write("timings", rows, tmp_path / "t.parquet")
    found = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert [(row["step"], row["started_at"]) for row in found] == [(None, None), (None, "t"), (1, "t")]
    assert set(found[0]) == set(TABLES["timings"].schema.names)
    assert found[2]["seconds"] is None


def test_maps_come_back(tmp_path):
    rows = [{"run_id": "r", "step": 1, "problem_id": "p", "sample_index": 0, "terms": [("accuracy", 1.0)]}]
    write("completions", rows, tmp_path / "c.parquet")
    assert pq.read_table(tmp_path / "c.parquet").to_pylist()[0]["terms"] == [("accuracy", 1.0)]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "s.parquet"
    write("samples", [{"sample": "2k", "problem_id": "p", "position": 0}], path)
    before = path.read_bytes()
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        write("samples", [{"sample": "2k", "problem_id": "p", "position": "first"}], path)
    assert path.read_bytes() == before
