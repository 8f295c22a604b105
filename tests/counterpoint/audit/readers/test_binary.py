"""Binary logs made to harm: runs of Weights & Biases, event files of TensorBoard and databases of Trackio."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
import time
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from counterpoint.audit import readers, verdict
from counterpoint.audit.readers import wandb_run
from counterpoint.errors import UserError

FIXTURES = Path(__file__).parents[3] / "fixtures/audit"
BINARY = {  # what stands at the beginning of a file, and where it lies
    "wandb": (FIXTURES / "wandb_hacked/wandb/offline-run-20260101_000000-toy/run-toy.wandb", "run-toy.wandb"),
    "events": (next((FIXTURES / "tensorboard_hacked").iterdir()), "events.out.tfevents.1.host"),
    "trackio": (FIXTURES / "trackio_hacked.db", "toy.db"),
}


def refused(path, words):
    """Read, and be refused in one line."""
    with pytest.raises(UserError, match=words) as caught:
        verdict.audit(readers.read(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["train.log", "curve.csv", "run.jsonl", *BINARY])
def test_files_of_500_megabytes_are_refused_before_they_are_read(tmp_path, name):
    source, place = BINARY.get(name, (FIXTURES / "honest.csv", name))
    path = tmp_path / place
    shutil.copy(source, path)
    os.truncate(path, 500 << 20)
    began = time.monotonic()
    for place in (path, tmp_path):
        refused(place, r"500 MB, more than the (128|64) MB that are read")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_log_that_is_cut_off_anywhere_is_read_in_part_or_refused_in_one_line(tmp_path, name):
    source, place = BINARY[name]
    path, data = tmp_path / place, source.read_bytes()
    whole = len(readers.read(source).curves[0].steps)
    for size in (0, 1, 7, 8, 12, 13, 100, 5_000, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        try:
            assert len(readers.read(path).curves[0].steps) <= whole
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("name", BINARY)
def test_a_binary_log_that_is_garbled_is_refused_in_one_line_or_tells_the_same(tmp_path, name):
    source, place = BINARY[name]
    path, data, rng = tmp_path / place, source.read_bytes(), random.Random(0)
    reward = readers.read(source).runs[0].reward
    refusals = 0
    for _ in range(10):
        garbled = bytearray(data)
        at = rng.randrange(len(data) - 100)
        garbled[at : at + 100] = rng.randbytes(100)
        path.write_bytes(garbled)
        try:
            read = readers.read(path).runs[0].reward
            assert name == "trackio" or read == reward  # SQLite has no checksums
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            refusals += 1
    assert refusals


def test_a_wrong_number_in_a_run_of_weights_and_biases_or_an_event_file_is_noticed(tmp_path):
    for name, old in (("wandb", b"0.96875"), ("events", struct.pack("<f", 0.96875))):
        source, place = BINARY[name]
        data = source.read_bytes()
        assert old in data
        (tmp_path / place).write_bytes(data.replace(old, old[:-1] + b"\x34"))
        refused(tmp_path / place, "the checksum at byte [0-9,]+ is wrong")


def test_a_database_that_counts_without_end_or_holds_no_runs_is_refused_in_one_line(tmp_path):
    path = tmp_path / "toy.db"
    for statement, words in (
        ("create table notes (text)", "no such table: metrics"),
        ("create table metrics (run_name, step, metrics)", "no reward in it"),
        ("create view metrics as with recursive n(i) as (select 1 union all select i + 1 from n) "
         "select 'a' run_name, i step, '{}' metrics, i rowid from n", "interrupted|no such column"),
        ("create table metrics as select 'a' run_name, 1 step, zeroblob(40000000) metrics", "too big"),
        ("create view metrics as with recursive n(i) as (select 1 union all select i + 1 from n limit 2000) "
         "select 'a' run_name, i step, '{\"a\": \"' || hex(zeroblob(100000)) || '\"}' metrics, i rowid from n",
         "128 MB of metrics"),
        ("create table metrics as select 'a' run_name, 1 step, '[1]' metrics", "an entry is no mapping"),
        ("create table metrics as select 'a' run_name, 'x' step, '{\"reward\": 1}' metrics", "must be a whole number"),
    ):  # fmt: skip
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as database:
            database.execute(statement)
            database.commit()
        began = time.monotonic()
        refused(path, words)
        assert time.monotonic() - began < 10


def test_a_database_is_not_touched_and_what_it_has_not_written_yet_is_told(tmp_path):
    path = tmp_path / "toy.db"
    shutil.copy(BINARY["trackio"][0], path)
    path.chmod(0o444)
    before = path.read_bytes()
    assert readers.read(path).curves and path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    path.with_name("toy.db-wal").write_bytes(b"rest")
    assert any("toy.db-wal is not read" in note for note in readers.read(path).notes)


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ([3], "does not fit"),  # a middle without a beginning
        ([2, 2], "does not fit"),  # a beginning within a record
        ([9], "does not fit"),
        ([2] + [3] * 2_000_000, "more than 10,000 pieces"),
    ],
)
def test_pieces_that_do_not_fit_together_are_refused_soon(tmp_path, kinds, words):
    path, data = tmp_path / "run-toy.wandb", bytearray(b":W&B" + bytes(3))
    heads = {kind: struct.pack("<IHB", zlib.crc32(b"", wandb_run.kind_checksum(kind)), 0, kind) for kind in set(kinds)}
    for kind in kinds:
        left = 32_768 - len(data) % 32_768
        data += bytes(left) * (left < 7) + heads[kind]
    path.write_bytes(data)
    began = time.monotonic()
    refused(path, words)
    assert time.monotonic() - began < 10
