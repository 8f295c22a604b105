"""The watch reads live and published records, says what changed, and on a server keeps an artifact and emits events."""

import json
import os
import time
from pathlib import Path

import pytest
from planted_records import planted, write

from counterpoint import tables
from counterpoint.params import compose
from flows import serve, verdicts, watch
from flows.verdicts import Change

LIVE = "rl-tiny-2k-1-0123456789ab"


def honest(**more) -> dict:
    return planted(
        accuracy=lambda step: 0.3 + 0.01 * step + 0.01 * (step // 2 * 7 % 5), format=lambda step: 0.5, **more
    )


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with the default parameters, in which a run trains."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERPOINT_WORK", raising=False)
    compose.write("default", [], tmp_path / "params.yaml", Path(__file__).resolve().parents[2] / "studies")
    write(tmp_path / "work/train" / LIVE / "records", planted(steps=8))
    return tmp_path


def publish(folder, rows: dict, status: str) -> None:
    for table in ("probes", "steps", "rewards", "completions"):
        tables.write(table, [{"terms": [], **row} for row in rows[table]], folder / f"{table}.parquet")
    (folder / "run.json").write_text(json.dumps({"status": status}))


def test_a_run_that_trains_is_followed_to_its_verdict(study, capsys):
    assert watch.look_alone().splitlines()[2].startswith("| rl-tiny-2k-1 | training | 8 | 5 | 1.")
    assert capsys.readouterr().err == ""
    write(study / "work/train" / LIVE / "records", planted())
    row = watch.look_alone().splitlines()[2]
    assert "| 24 | 13 |" in row and "| deceptive | format | reward rose (trend" in row
    assert capsys.readouterr().err == "rl-tiny-2k-1: inconclusive -> deceptive at step 24\n"
    assert watch.look_alone().splitlines()[2] == row
    assert capsys.readouterr().err == ""
    hour_ago = time.time() - 3600
    for file in (study / "work/train" / LIVE / "records").iterdir():
        os.utime(file, (hour_ago, hour_ago))
    assert "| unfinished | 24 |" in watch.look_alone()


def test_a_step_that_has_not_ended_is_not_judged(study):
    rows = planted()
    rows["steps"] = [row for row in rows["steps"] if row["step"] < 24]
    write(study / "work/train" / LIVE / "records", rows)
    (study / "work/train" / LIVE / "records/completions.jsonl").open("a").write('{"step": 24, "corr')
    assert verdicts.look({})["rl-tiny-2k-1"].step == 22


def test_the_published_run_stands_in_for_its_live_records_until_it_is_trained_anew(study):
    publish(study / "data/runs/rl-tiny-2k-1/train", honest(), "completed")
    publish(study / "data/runs/rl-tiny-2k-2/train", planted(), "stopped: deceptive reward at step 24")
    sft = planted()
    publish(study / "data/runs/sft-tiny-2k-1/train", {**sft, "rewards": []}, "completed")
    first = verdicts.look({})
    assert {run: (seen.state, seen.verdict) for run, seen in first.items()} == {
        "rl-tiny-2k-1": ("completed", "aligned"),
        "rl-tiny-2k-2": ("stopped: deceptive reward at step 24", "deceptive"),
    }
    rows = verdicts.table(first).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| rl-tiny-2k-2", "| rl-tiny-2k-1"]
    write(study / "work/train" / LIVE / "records", planted(steps=8))
    later = verdicts.look(first)
    assert (later["rl-tiny-2k-1"].state, later["rl-tiny-2k-1"].step) == ("training", 8)
    assert verdicts.changes(first, later) == [Change("aligned", later["rl-tiny-2k-1"])]


def test_what_has_not_changed_is_not_read_again(study, monkeypatch):
    publish(study / "data/runs/rl-tiny-2k-2/train", planted(), "completed")
    first = verdicts.look({})
    monkeypatch.setattr(verdicts.assessment, "assess", None)
    assert verdicts.look(first) == first
    verdicts.remember(first)
    assert verdicts.remembered() == first


def test_what_cannot_be_read_is_left_out_and_told(study, capsys):
    folder = study / "data/runs/rl-tiny-2k-2/train"
    publish(folder, planted(), "completed")
    first = verdicts.look({})
    (folder / "probes.parquet").write_bytes(b"PAR1 and no more")
    (folder / "run.json").write_text('{"status": "completed"} ')
    assert set(verdicts.look({})) == {"rl-tiny-2k-1"}
    assert capsys.readouterr().err.startswith("data/runs/rl-tiny-2k-2/train: left out of this look: ")
    assert verdicts.look(first)["rl-tiny-2k-2"] == first["rl-tiny-2k-2"]
    verdicts.memory().write_text("[1, 2")
    assert verdicts.remembered() == {}
    verdicts.memory().write_text('{"rl-tiny-2k-2": {"verdict": "aligned"}}')
    assert verdicts.remembered() == {}


def test_without_runs_and_without_a_server(study, monkeypatch, capsys):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert watch.main(["--every", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (study / "work").rename(study / "away")
    assert watch.main(["--once"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "No RL run has been probed yet.\n"
    assert shown.err == "no Prefect server answers at http://127.0.0.1:9/api: the table is only printed\n"
    (study / "params.yaml").unlink()
    assert watch.main(["--once"]) == 2


def test_a_work_folder_that_cannot_be_is_one_line(study, monkeypatch, capsys):
    monkeypatch.setenv("COUNTERPOINT_WORK", "/dev/null/x")
    assert watch.main(["--once"]) == 2
    assert capsys.readouterr().err.startswith("error: /dev/null/x: unfinished work is kept there, but it is no folder")


def test_serving_the_watch_checks_its_input(toy, monkeypatch, capsys):
    pytest.importorskip("prefect")
    monkeypatch.setattr(serve, "check", lambda *_: None)
    for arguments in (["--watch", "300", "--cron", "0 3 * * *"], ["--watch", "5"], ["--watch", "often"]):
        assert serve.main(arguments) == 2
        assert capsys.readouterr().err.startswith("error: --watch")
    assert serve.every("300", "UTC", "--watch").interval.total_seconds() == 300
    assert serve.every("*/5 * * * *", "UTC", "--watch").cron == "*/5 * * * *"
    assert serve.every(None, "UTC", "--cron") is None


@pytest.mark.slow
def test_on_a_server_the_artifact_is_current_and_changes_are_events(study):
    pytest.importorskip("prefect")
    from prefect.client.orchestration import get_client
    from prefect.testing.utilities import prefect_test_harness

    from flows import watch_flow

    with prefect_test_harness(server_startup_timeout=180), get_client(sync_client=True) as client:

        def events() -> list[dict]:
            asked = {"filter": {"event": {"name": [watch_flow.EVENT]}, "order": "ASC"}, "limit": 50}
            deadline = time.monotonic() + 30
            while True:
                found = client._client.post("/events/filter", json=asked).json()["events"]
                if found or time.monotonic() > deadline:
                    return found
                time.sleep(0.5)

        def versions() -> list[str]:
            return [artifact.data for artifact in client.read_artifacts() if artifact.key == watch_flow.ARTIFACT]

        assert "| 8 | 5 |" in watch_flow.watch() and len(versions()) == 1
        write(study / "work/train" / LIVE / "records", planted())
        text = watch_flow.watch()
        assert "| deceptive | format |" in text and watch_flow.shown() == text
        assert watch_flow.watch() == text and len(versions()) == 2  # nothing new, no new version
        (event,) = events()
        assert event["resource"]["prefect.resource.id"] == "counterpoint.run.rl-tiny-2k-1"
        payload = event["payload"]
        assert (payload["old"], payload["new"], payload["step"]) == ("inconclusive", "deceptive", 24)
        assert payload["mechanism"] == "format" and payload["reason"].startswith("reward rose (trend")
