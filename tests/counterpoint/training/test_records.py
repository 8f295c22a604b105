"""Live records: flushed lines, half-written ones skipped and counted, and the Parquet they become."""

import json

import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from counterpoint.models.manifest import Broken
from counterpoint.tables import TABLES
from counterpoint.training.records import RECORDED, Recorder, read_lines


def test_rows_are_on_the_disk_when_add_returns(tmp_path):
    recorder = Recorder(tmp_path, "r")
    recorder.add("steps", {"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0})
    lines = (tmp_path / "steps.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"run_id": "r", "step": 1, "loss": 2.5},
        {"run_id": "r", "step": 2, "loss": 2.0},
    ]
    recorder.add("steps")
    assert len(recorder.rows("steps")) == 2
    assert recorder.rows("probes") == []


def test_what_cannot_be_read_is_skipped_and_counted(tmp_path, caplog):
    recorder = Recorder(tmp_path, "r")
    recorder.add("steps", {"step": 1})
    with (tmp_path / "steps.jsonl").open("ab") as file:
        file.write(b'\xff\xfe\n[1]\n3\n\n{"step": 2, "lo')
    rows, broken = read_lines(tmp_path / "steps.jsonl")
    assert ([row["step"] for row in rows], broken) == ([1], 5)
    assert recorder.rows("steps") == rows
    assert "5 unreadable records skipped" in caplog.text


def test_a_row_after_a_half_written_one_is_not_lost(tmp_path):
    recorder = Recorder(tmp_path, "r")
    recorder.add("steps", {"step": 1})
    marks = recorder.marks()
    recorder.add("steps", {"step": 2})
    path = tmp_path / "steps.jsonl"
    path.write_text(path.read_text()[:-4])
    recorder = Recorder(tmp_path, "r")
    recorder.check(marks)
    recorder.rewind(marks)
    recorder.add("steps", {"step": 2})
    assert [row["step"] for row in recorder.rows("steps")] == [1, 2]
    assert read_lines(path)[1] == 0


def test_rewinding_drops_what_came_later_in_every_table(tmp_path):
    recorder = Recorder(tmp_path, "r")
    for table in RECORDED:
        recorder.add(table, *({"step": step} for step in range(3)))
    marks = recorder.marks()
    before = {table: (tmp_path / f"{table}.jsonl").read_bytes() for table in RECORDED}
    for table in RECORDED:
        recorder.add(table, {"step": 3})
    recorder.add("timings", {"step": None})
    recorder.rewind(marks)
    assert {table: (tmp_path / f"{table}.jsonl").read_bytes() for table in RECORDED} == before
    assert recorder.marks() == marks and marks["steps"]["rows"] == 3
    recorder.rewind({})
    assert all(recorder.rows(table) == [] for table in RECORDED)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:2], r"records/rewards\.jsonl has 2 of 3 rows"),
        (lambda lines: [*lines[:2], lines[2][:5]], r"has 2 of 3 rows"),
        (lambda lines: [lines[0], *lines[2:]], r"is not as it was written"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], r"is not as it was written"),
        (lambda lines: [lines[0].replace(b"0.5", b"0.6"), *lines[1:]], r"is not as it was written"),
    ],
)
def test_records_that_were_lost_or_changed_are_seen(tmp_path, change, said):
    recorder, path = Recorder(tmp_path / "records", "r"), tmp_path / "records/rewards.jsonl"
    recorder.add("rewards", *({"step": step, "mean": 0.5} for step in range(3)))
    marks = recorder.marks()
    recorder.add("rewards", {"step": 3, "mean": 0.5})
    recorder.check(marks)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(Broken, match=said):
        Recorder(tmp_path / "records", "r").check(marks)
    with pytest.raises(UserError, match=r"rewards\.jsonl: changed by another process"):
        recorder.publish(tmp_path / "out")
    path.unlink()
    with pytest.raises(Broken, match="has 0 of 3 rows"):
        recorder.check(marks)
    path.mkdir()
    with pytest.raises(Broken, match=r"rewards\.jsonl cannot be read \(Is a directory\)"):
        recorder.check(marks)
    assert not (tmp_path / "out").exists()


def test_every_text_survives(tmp_path):
    said = 'line\nbreak "quotes" \\ \u2028 \x00 עברית 👩‍👩‍👧 \ufffd'
    recorder = Recorder(tmp_path / "live", "r")
    row = {"step": 1, "problem_id": "p", "sample_index": 0, "completion": said, "terms": {"b": 1.0, "a": 0.5}}
    recorder.add("completions", row)
    recorder.publish(tmp_path / "out")
    found = pq.read_table(tmp_path / "out" / "completions.parquet").to_pylist()
    assert found[0]["completion"] == said
    assert found[0]["terms"] == [("b", 1.0), ("a", 0.5)]


def test_every_table_is_published_even_when_empty(tmp_path):
    Recorder(tmp_path / "live", "r").publish(tmp_path / "out")
    assert {path.stem for path in (tmp_path / "out").iterdir()} == set(RECORDED)
    for table in RECORDED:
        assert pq.read_schema(tmp_path / "out" / f"{table}.parquet") == TABLES[table].schema
