"""Folders made to harm who audits them: each ends in one line, soon, and a large honest log is read all the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint.audit import files, readers, report, verdict
from counterpoint.errors import UserError

STATE = {"log_history": [{"step": step, "reward": step / 100, "eval_accuracy": 0.3} for step in range(1, 40)]}


def pipe(path: Path) -> None:
    """Make a pipe, whose reader waits five seconds, lest a test wait for ever."""
    os.mkfifo(path)
    ended = threading.Timer(5, lambda: os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK)))
    ended.daemon = True
    ended.start()


def refused(path, words):
    """Read, and be refused in one line."""
    with pytest.raises(UserError, match=words) as caught:
        verdict.audit(readers.read(path))
    assert "\n" not in str(caught.value)


def trl(folder: Path) -> Path:
    """A TRL folder; returns its place for completions."""
    (folder / "trainer_state.json").write_text(json.dumps(STATE))
    (folder / "completions").mkdir()
    return folder / "completions"


def verl(folder: Path, last: int = 30) -> Path:
    """A folder with a console log of verl; returns its place for rollouts."""
    (folder / "train.log").write_text("".join(f"step:{s} - critic/rewards/mean:{s / 100}\n" for s in range(last)))
    (folder / "rollouts").mkdir()
    return folder / "rollouts"


FIXTURES = Path(__file__).parents[2] / "fixtures/audit"
PIPES = {
    "run of wandb": lambda folder: folder / "run-toy.wandb",
    "events": lambda folder: folder / "events.out.tfevents.1.host",
    "database": lambda folder: folder / "toy.db",
    "completions": lambda folder: trl(folder) / "completions_00001.parquet",
    "rollouts": lambda folder: verl(folder) / "1.jsonl",
    "state": lambda folder: folder / "trainer_state.json",
    "console": lambda folder: folder / "train.log",
    "sheet": lambda folder: folder / "curve.csv",
}


@pytest.mark.parametrize("place", PIPES)
def test_a_pipe_is_not_waited_for(tmp_path, place):
    path = PIPES[place](tmp_path)
    pipe(path)
    refused(tmp_path, f"{path.name}: not a plain file")


def test_what_is_named_must_be_a_plain_file_too(tmp_path):
    pipe(tmp_path / "run")
    refused(tmp_path / "run", "run: not a plain file")
    refused(Path("/dev/zero"), "/dev/zero: not a plain file")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "train.log"))
        refused(tmp_path, "cannot be read")


def test_a_link_out_of_the_folder_is_not_followed_but_one_within_and_one_that_is_named_are(tmp_path, root):
    outside = root / "tests/fixtures/audit/trl_honest"
    (tmp_path / "run/completions").mkdir(parents=True)
    (tmp_path / "run/trainer_state.json").symlink_to(outside / "trainer_state.json")
    refused(tmp_path / "run", "a link that leads out of")
    assert readers.read(tmp_path / "run/trainer_state.json").curves  # the user named it
    (tmp_path / "run/trainer_state.json").unlink()
    (tmp_path / "run/kept.json").write_bytes((outside / "trainer_state.json").read_bytes())
    (tmp_path / "run/trainer_state.json").symlink_to("kept.json")
    assert readers.read(tmp_path / "run").curves
    (tmp_path / "run/completions").rmdir()
    (tmp_path / "run/completions").symlink_to(outside / "completions")
    refused(tmp_path / "run", "a link that leads out of")
    (tmp_path / "link").symlink_to(outside)
    assert readers.read(tmp_path / "link").checks


def test_json_that_is_nested_without_end_is_refused(tmp_path):
    (tmp_path / "trainer_state.json").write_text("[" * 50_000 + "]" * 50_000)
    refused(tmp_path, "nested too deep")
    path = tmp_path / "run.jsonl"
    deep = '{"a":' * 50_000 + "1" + "}" * 50_000
    good = '{"step": 1, "data": {"critic/rewards/mean": 1}}'
    path.write_text(f'{good}\n{{"step": 2, "data": {deep}}}\n{good}\n')
    refused(path, "line 2: not JSON")
    rollouts = verl(tmp_path)
    (rollouts / "1.jsonl").write_text(deep)
    refused(tmp_path / "train.log", r"1\.jsonl, line 1: not JSON")


def test_json_of_many_pieces_or_megabytes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "trainer_state.json"
    path.write_text('{"log_history":[' + "[]," * files.PIECES + "{}]}")
    refused(tmp_path, "more than 4,000,000 lists and mappings")
    os.truncate(path, 500 << 20)
    began = time.monotonic()
    refused(tmp_path, "500 MB, more than the 128 MB")
    assert time.monotonic() - began < 1


def test_loops_of_links_end(tmp_path, root):
    (tmp_path / "run-a.wandb").symlink_to("run-b.wandb")
    (tmp_path / "run-b.wandb").symlink_to("run-a.wandb")
    refused(tmp_path, "cannot be read|no known log")
    refused(tmp_path / "run-a.wandb", "no such file")
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "again").symlink_to(folder)
    (folder / "wandb").symlink_to(folder)
    refused(folder, "no known log")
    shutil.copytree(FIXTURES / "wandb_hacked/wandb", tmp_path / "wandb")
    (tmp_path / "run-a.wandb").unlink()
    (tmp_path / "run-b.wandb").unlink()
    (tmp_path / "wandb/latest-run").symlink_to("offline-run-20260101_000000-toy")  # as wandb makes it
    assert readers.read(tmp_path).curves and readers.read(tmp_path / "wandb").curves


@pytest.mark.parametrize(
    "line",
    [
        "{'loss': 0.1, " + "'reward" * 2_000_000,
        "{'loss': '" + "reward" * 5_000 + "}" * 5_000,
        "Step " + "1" * 100_000,
        "Step 1\n" + " " * 100_000 + "a: 1",
        "{'loss': 0.1, 'reward': " + "9" * 40_000 + "}",
    ],
)
def test_lines_made_to_be_slow_are_not(tmp_path, line):
    path = tmp_path / "train.log"
    path.write_text("{'loss': 0.1, 'reward': 0.5}\n" + f"{line}\n" * 3)
    began = time.monotonic()
    with pytest.raises(UserError):
        verdict.audit(readers.read(path))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("train.log", "step:1 - a:1\n" + "\n" * files.LINES, "more than 4,000,000 lines"),
        ("train.log", "step:1 - a:1\n" + "x" * files.LINE, "line 2: longer than 16 million characters"),
        ("curve.csv", "step,reward," + "," * 200_000 + "\n", "200,003 columns"),
        ("curve.csv", "step,reward,suite\n" + "".join(f"1,1,{n}\n" for n in range(3000)), "more than 2,000 names"),
        ("curve.csv", "step,reward,suite\n1,1," + "x" * 100_000, "a name of 100,000 characters"),
        ("curve.csv", "step,reward\n1,1.7e308\n2,-1.7e308\n", r"reward is 1\.7e308"),
        ("curve.csv", "step,reward," + "x" * 200_000, "not readable as CSV"),
        ("curve.csv", "step,reward,accuracy\n" + "".join(f"{n},1,0.5\n" for n in range(10_001)), "10,001 steps"),
        ("curve.csv", "step,reward,accuracy,suite\n" + "".join(f"{n},{n},0.5,{s}\n" for s in range(51) for n in (1, 2)),
         "51 curves"),
        ("a.jsonl", json.dumps({"step": 1, "data": {"critic/rewards/mean": 10**400}}), "reward.* is inf"),
        ("a.jsonl", json.dumps({"step": 10**400, "data": {"critic/rewards/mean": 1}}), "step must be a whole number"),
    ],
)  # fmt: skip
def test_logs_beyond_any_honest_ones_are_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    refused(tmp_path / name, words)


def bomb(**columns) -> pa.Table:
    """A table of completions, with one value of each column replaced."""
    rows = len(next(iter(columns.values())))
    return pa.table({"step": [1] * rows, "completion": ["a"] * rows, "solution": ["1"] * rows, **columns})


def zeros(number: int) -> pa.Array:
    """One row: a list of so many zeros."""
    return pa.ListArray.from_arrays(pa.array([0, number], pa.int32()), pa.array(np.zeros(number, np.int8)))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (lambda: bomb(completion=zeros(21_000_000)), "more than 20,000,000 values in a column"),
        (lambda: bomb(completion=zeros(2_000_000)), "unpack to more than 64 MB"),
        (lambda: bomb(completion=["x" * (10 << 20)] * 20), "unpack to more than 64 MB"),
        (lambda: bomb(completion=pa.array(["x" * (10 << 20)] * 20).dictionary_encode()), "not text or numbers"),
        (lambda: bomb(completion=pa.array([1 << 62], pa.timestamp("us"))), "not text or numbers"),
        (lambda: pa.table([["a"], [1], ["a"], ["a"]], names=["completion", "step", "solution", "completion"]),
         "one name"),
    ],
)  # fmt: skip
def test_a_small_parquet_file_that_unpacks_to_gigabytes_is_refused(tmp_path, table, words):
    path = trl(tmp_path) / "completions_00001.parquet"
    pq.write_table(table(), path, compression="zstd")
    assert path.stat().st_size < 30_000
    refused(tmp_path, words)


@pytest.mark.slow
def test_tables_of_this_study_are_looked_at_first_too(tmp_path):
    for name in ("steps", "rewards", "probes", "probe_items", "completions"):
        pq.write_table(bomb(completion=zeros(21_000_000)), tmp_path / f"{name}.parquet", compression="zstd")
    refused(tmp_path, "more than 20,000,000 values in a column")


def test_long_completions_are_judged_in_part(tmp_path):
    thought = f"<think>{'x' * 90_000}</think><answer>1</answer>"
    rows = [{"output": thought, "gts": "1", "score": 1}] * 200
    (verl(tmp_path) / "1.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert 80 <= readers.read(tmp_path).checks[0].number < 100


def program(*arguments: object, before: str = "pass") -> tuple[int, str, float]:
    """Exit code, what was said on stderr, and seconds."""
    code = (
        f"import sys; from counterpoint import cli; from counterpoint.audit import command; {before}; "
        "sys.argv.insert(1, 'audit'); cli.main()"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stderr, time.monotonic() - began


def test_an_audit_that_takes_too_long_is_ended_in_one_line(tmp_path):
    path, rng = tmp_path / "curve.csv", random.Random(0)
    rows = [f"{n},{n / 100},{rng.random():.3f},{suite}\n" for suite in range(50) for n in range(200)]
    path.write_text("step,reward,accuracy,suite\n" + "".join(rows))
    code, said, seconds = program(path, "--out", tmp_path / "out", "--seconds", 1)
    assert (code, said) == (2, f"error: {path}: not done within 1 s; shorten the log, or give more --seconds\n")
    assert seconds < 5


@pytest.mark.slow
def test_an_audit_that_takes_too_much_memory_is_ended_in_one_line(tmp_path):
    (tmp_path / "trainer_state.json").write_text('{"log_history": [' + "0.5," * 25_000_000 + "0]}")
    code, said, _ = program(tmp_path, "--out", tmp_path / "out", before="command.MEMORY = 1 << 30")
    assert code == 2 and said.startswith(f"error: {tmp_path}: takes more than 1 GB of memory") and said.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["console", "jsonl", "trl"])
def test_an_honest_log_of_a_hundred_megabytes_is_read(tmp_path, form):
    rng, names = random.Random(0), [f"perf/value_{n}" for n in range(45)]
    history = [
        {"step": step, "reward": rng.random(), **{name: rng.random() for name in names}} for step in range(50_000)
    ]
    for entry in history[::100]:
        entry["accuracy"] = rng.random()
    if form == "trl":
        path = tmp_path / "trainer_state.json"
        state = [{("eval_accuracy" if name == "accuracy" else name): v for name, v in e.items()} for e in history]
        path.write_text(json.dumps({"log_history": state}, indent=2))
    else:
        path = tmp_path / ("train.log" if form == "console" else "run.jsonl")
        with path.open("w") as file:
            for entry in history:
                row = {{"reward": "critic/rewards/mean", "accuracy": "val-core/a/acc/mean@1"}.get(n, n): v
                       for n, v in entry.items() if n != "step"}  # fmt: skip
                told = " - ".join(f"{name}:{value}" for name, value in row.items())
                line = (
                    f"step:{entry['step']} - {told}"
                    if form == "console"
                    else json.dumps({"step": entry["step"], "data": row})
                )
                file.write(f"{line}\n")
    assert path.stat().st_size > 80_000_000
    code, said, seconds = program(tmp_path, "--out", tmp_path / "out")
    assert (code, said) == (0, "") and seconds < 60


REAL = os.environ.get("COUNTERPOINT_REAL_LOGS", "")


@pytest.mark.skipif(not REAL, reason="COUNTERPOINT_REAL_LOGS names no folder with logs of real runs")
def test_logs_of_real_runs_are_read_or_refused_in_one_line():
    for path in sorted(Path(REAL).iterdir()):
        try:
            assert report.text(verdict.audit(readers.read(path))).startswith(f"{path} (")
        except UserError as error:
            assert "\n" not in str(error)
