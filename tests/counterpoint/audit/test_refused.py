"""What cannot be audited: one clear line and exit code 2, never a number from nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from counterpoint.audit import command, readers, verdict
from counterpoint.errors import UserError

STEPS = range(0, 60, 5)


def sheet(tmp_path, *lines, header="step,reward,accuracy"):
    """A CSV of these lines."""
    path = tmp_path / "curve.csv"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


def refused(path, words):
    """The message with which a log is refused."""
    with pytest.raises(UserError, match=words) as caught:
        verdict.audit(readers.read(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def good(change=lambda step, line: line):
    """Lines of a curve, each as `change` has it."""
    return [change(step, f"{step},{step / 100},0.3") for step in STEPS]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (good(lambda step, line: "20,nan,0.3" if step == 20 else line), "line 6: reward is nan"),
        (good(lambda step, line: "20,0.2,inf" if step == 20 else line), "line 6: accuracy is inf"),
        (good(lambda step, line: "20,0.2" if step == 20 else line), "line 6: 2 cells where the header has 3"),
        (good(lambda step, line: "20,good,0.3" if step == 20 else line), "line 6: reward must be a number"),
        (good(lambda step, line: "12,0.2,0.3" if step == 20 else line), "line 6: step 12 after step 15"),
        (good(lambda step, line: "15,0.2,0.3" if step == 20 else line), "line 6: reward a second time at step 15"),
        (good(lambda step, line: "1.5,0.2,0.3" if step == 0 else line), "line 2: the step must be a whole number"),
        (good(lambda step, line: f"{step},0.2,130"), "from 0 to 1 or per cent"),
        (good(lambda step, line: f"{step},0.2,-0.1"), "from 0 to 1 or per cent"),
        (good(lambda step, line: f"{step},,0.3"), "no reward"),
        (["0,0.1,0.3"], "one probe alone"),
        ([], "no row"),
    ],
)
def test_a_bad_csv_is_refused_by_its_line(tmp_path, lines, words):
    refused(sheet(tmp_path, *lines), words)


def test_columns_are_asked_for_by_name(tmp_path):
    refused(
        sheet(tmp_path, "0,1", header="step,loss"), r"no reward in it; .*--reward names another metric \(it has: loss\)"
    )
    refused(sheet(tmp_path, "0,1", header="reward,accuracy"), "no column for the step")


def test_few_probes_are_inconclusive_with_the_reason(tmp_path):
    found = verdict.audit(readers.read(sheet(tmp_path, *good()[:9]))).overall
    assert found.verdict == "inconclusive" and "fewer than 10" in found.reason


def test_a_suite_that_is_missing_at_some_steps_is_told(tmp_path):
    lines = [f"{step},{step / 100},{0.3 if step % 10 else ''},{suite}" for step in range(0, 150, 5) for suite in "ab"]
    found = verdict.audit(readers.read(sheet(tmp_path, *lines, header="step,reward,accuracy,suite")))
    assert [len(curve.steps) for curve in found.log.curves] == [15, 15]


def test_missing_empty_and_unknown_places_are_refused(tmp_path):
    refused(tmp_path / "absent", "no such file or folder")
    refused(tmp_path, "no known log in it")
    (tmp_path / "notes.txt").write_text("step 1 went well\n")
    refused(tmp_path, "no known log in it")
    (tmp_path / "notes.jsonl").write_text('{"loss": 1}\n')
    refused(tmp_path / "notes.jsonl", "no known log in it")


def test_two_logs_in_one_folder_need_a_name(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("step,reward,accuracy\n0,1,1\n")
    refused(tmp_path, "several logs")


def state(tmp_path, history):
    """A TRL folder with this log."""
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    return tmp_path


def history(reward=lambda step: step / 100):
    """A TRL log with a reward and an evaluation at every step."""
    return [{"step": s, "reward": reward(s), "epoch": 0.1} for s in STEPS if s] + []


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"step": 1, "loss": 0.1}, {"step": 2, "loss": 0.1}], "no reward in it; was this run trained by RL"),
        ([{"step": 1, "reward": float("nan")}, {"step": 2, "reward": 0.1}], "reward is nan at step 1"),
        ([{"step": 2, "reward": 0.1}, {"step": 1, "reward": 0.1}], "step 1 after step 2"),
        ([{"step": 2, "reward": 0.1}, {"step": 2, "reward": 0.2}], "reward a second time at step 2"),
        ([{"reward": 0.1}], "the step must be a whole number"),
        ([{"step": 1, "reward": 0.1}], "one probe alone"),
        ("text", "no list of entries"),
    ],
)
def test_a_bad_trainer_state_is_refused(tmp_path, entries, words):
    with pytest.raises(UserError, match=words):
        verdict.audit(readers.read(state(tmp_path, entries)))


def test_a_state_that_is_no_json_and_completions_that_are_no_parquet_are_refused(tmp_path):
    folder = state(tmp_path, history())
    (folder / "completions").mkdir()
    (folder / "completions/completions_00005.parquet").write_bytes(b"PAR1 not quite")
    with pytest.raises(UserError, match="not a readable Parquet file"):
        readers.read(folder)
    (folder / "trainer_state.json").write_text("{")
    with pytest.raises(UserError, match="not a trainer state"):
        readers.read(folder)


def test_a_cut_off_last_line_is_left_out_and_one_inside_is_refused(tmp_path):
    rows = [
        json.dumps({"step": s, "data": {"critic/rewards/mean": s / 100, "val-core/a/acc/mean@1": 0.25}}) for s in STEPS
    ]
    path = tmp_path / "run.jsonl"
    path.write_text("\n".join([*rows, '{"step": 60, "da']))
    assert len(readers.read(path).curves[0].steps) == len(STEPS)
    path.write_text("\n".join([rows[0], '{"step": 3, "da', *rows[1:]]))
    refused(path, "line 2: not JSON")


def test_a_restarted_runs_lines_are_refused(tmp_path):
    lines = [f"step:{step} - critic/rewards/mean:0.5 - val-core/a/acc/mean@1:0.25" for step in (1, 2, 3, 2, 3)]
    path = tmp_path / "train.log"
    path.write_text("\n".join(lines))
    refused(path, "line 4: step 2 after step 3")


def test_a_verl_log_without_a_reward_is_refused(tmp_path):
    path = tmp_path / "train.log"
    path.write_text("step:0 - val-core/a/acc/mean@1:0.25\nstep:1 - actor/lr:0.1\n")
    refused(path, "no reward in it")


def test_the_program_ends_with_2_and_one_line(root, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "counterpoint.cli", "audit", str(tmp_path / "absent")]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"error: {tmp_path / 'absent'}: no such file or folder\n"


def test_a_place_that_cannot_be_written_is_a_clear_error(root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        command.audit(root / "tests/fixtures/audit/honest.csv", out=tmp_path / "file/out")
