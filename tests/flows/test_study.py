import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from counterpoint import supervise
from counterpoint.errors import UserError
from counterpoint.params import compose
from counterpoint.schedule import Progress
from flows import serve

pytest.importorskip("prefect")  # after flows, which says where Prefect may write
from flows import study

ROOT = Path(__file__).resolve().parents[2]


def test_bad_input_is_one_line_and_code_2_before_anything_runs(toy, capsys):
    before = (toy / "params.yaml").read_bytes()
    for arguments in (["--study", "defualt"], ["rl.learning_rat=1"], ["rl.group_size=7"], ["nonsense"], ["--jobs=0"]):
        assert study.main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert (toy / "params.yaml").read_bytes() == before
    mine = ["source.kind=folder", "source.path=nowhere", "source.fields.question=q", "source.fields.answer=a"]
    assert study.main(mine) == 2
    assert capsys.readouterr().err.startswith("error: source.path: nowhere is no folder")
    (toy / "dvc.yaml").unlink()
    assert study.main([]) == 2


def test_an_empty_study_keeps_the_file_as_it_stands(toy):
    (toy / "params.yaml").write_text("# mine\n" + (toy / "params.yaml").read_text())
    before = (toy / "params.yaml").read_bytes()
    for name in ("", "default"):
        made = compose.resolve(name, [])
        assert not compose.save(made) and made.in_words() == "study default, as it stands in studies/"
    assert (toy / "params.yaml").read_bytes() == before
    assert compose.write("", ["rl.learning_rate=0.5"])
    assert "learning_rate: 0.5" in (toy / "params.yaml").read_text()


def test_the_summary_tells_stages_and_accuracies(toy):
    results = {"accuracy": {"base-tiny": {"in_domain": 0.25}, "rl-tiny": {"in_domain": 0.5, "twin": 0.1}}}
    file = toy / "metrics/quick/summary.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(results))
    needs = {key: set() for key in ("data", "train@one", "report")}
    whole = Progress(needs, dict.fromkeys(needs, "ran"), seconds={"data": 2.0})
    text = study.summary("quick", whole)
    for row in ("| data | ran | 2.0 |", "| base-tiny | 25.0 |  |", "| rl-tiny | 50.0 | 10.0 |"):
        assert row in text
    text = study.summary("quick", Progress(needs, {"data": "ran"}, {"train@one": Exception()}, {"train@one": 1.5}))
    for row in ("Commit no commit; 2 s in 3 stages", "| train@one | failed | 1.5 |", "| report | not reached | 0.0 |"):
        assert row in text
    assert "Accuracy" not in text


def test_serving_checks_its_input_first(toy):
    nobody = "http://127.0.0.1:9/api"
    with pytest.raises(UserError, match="unknown study"):
        serve.check("defualt", [], "UTC", nobody)
    with pytest.raises(UserError, match="trust_remote_code: no flow parameter"):
        serve.check("default", ["trust_remote_code=true"], "UTC", nobody)
    with pytest.raises(UserError, match="time zone"):
        serve.check("default", [], "Europe/Nowhere", nobody)
    with pytest.raises(UserError, match="make server"):
        serve.check("default", [], "Europe/Berlin", nobody)


def test_the_served_flow_can_be_handed_to_a_process_of_its_own():
    import cloudpickle

    assert cloudpickle.loads(cloudpickle.dumps(study.run_study)).name == "study"


@pytest.mark.slow
def test_the_flow_and_dvc_agree(toy):
    """Completed, then nothing to do for either; a failure ends the run at once and is told in the artifact."""
    from dvc.repo import Repo
    from prefect.client.orchestration import get_client
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180), get_client(sync_client=True) as client:

        def artifact() -> str:
            return client.read_latest_artifacts()[0].data

        assert study.main(["rl.learning_rate=0.25"]) == 0
        assert (toy / "report.txt").read_text() == "hello\nhello\n"
        names = {run.name for run in client.read_task_runs()}
        assert names == {"data", "train@one", "train@two", "report"}
        assert "| train@two | ran |" in artifact()
        lock = (toy / "dvc.lock").read_bytes()
        with Repo(".") as repo:
            assert repo.reproduce() == []

        assert study.main([]) == 0
        assert "| report | unchanged |" in artifact() and "ran" not in artifact()
        assert (toy / "dvc.lock").read_bytes() == lock

        shutil.copy("dvc.yaml", "dvc.yaml.whole")
        text = (toy / "dvc.yaml").read_text().replace("&& echo step", "&& echo no luck && exit 4 && echo step")
        (toy / "dvc.yaml").write_text(text)
        started = time.monotonic()
        assert study.main([]) == 1
        assert time.monotonic() - started < 20  # no retry
        assert "| train@one | failed |" in artifact() and "| report | not reached |" in artifact()

        shutil.copy("dvc.yaml.whole", "dvc.yaml")
        (toy / "metrics" / "default").mkdir(parents=True)
        (toy / "metrics" / "default" / "summary.json").write_text(
            json.dumps({"accuracy": {"base-tiny": {"in_domain": 0.25}}})
        )
        assert study.main([]) == 0
        assert "| base-tiny | 25.0 |" in artifact()


@pytest.mark.slow
def test_nothing_of_the_stages_outlives_the_flow(toy, gone, tmp_path):
    long = "trap 'echo saved; exit 3' INT; sleep 300 & echo $$ $! > pids-${key}; echo begun; wait"
    text = (
        (toy / "dvc.yaml").read_text().replace("mkdir -p out && cp data.txt out/${key}.txt && echo step ${item}", "%")
    )
    (toy / "dvc.yaml").write_text(text.replace("cmd: %", f"cmd: {json.dumps(long)}"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path / "prefect")}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        shutil.rmtree(toy / "logs", ignore_errors=True)
        logs = [toy / "logs" / f"train@{key}.log" for key in ("one", "two")]
        driver = subprocess.Popen(
            [sys.executable, "-m", "flows.study", "--jobs", "2"], env=environment, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 180
            while not all(log.exists() and log.read_text().endswith("\nbegun\n") for log in logs):
                assert driver.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
            pids = [int(word) for key in ("one", "two") for word in (toy / f"pids-{key}").read_text().split()]
            assert len(pids) == 4 and not gone(pids, within=0)
            driver.send_signal(number)
            assert gone(pids)
            code = driver.wait(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(driver.pid, signal.SIGKILL)
        assert code == {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM, signal.SIGKILL: -signal.SIGKILL}[number]
        assert all("saved" in log.read_text() for log in logs)


def test_a_server_that_is_gone_ends_the_run_and_one_that_outlives_it_does_not(monkeypatch):
    ended, programs = [], supervise.Programs()
    monkeypatch.setattr(study, "ASK_EVERY", 0.01)
    monkeypatch.setattr(study.os, "_exit", ended.append)
    over = threading.Event()
    over.set()
    study.watch_server("http://127.0.0.1:9/api", programs, over)
    assert not ended and not programs.stopped.is_set()
    heard = iter([False, False, True, False, False, False])
    monkeypatch.setattr(study.server, "answers", lambda *_: next(heard))
    study.watch_server("http://127.0.0.1:9/api", programs, threading.Event())
    assert ended == [1] and programs.stopped.is_set() and next(heard, None) is None
