import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yaml
from dvc.repo import Repo

from counterpoint import schedule, supervise
from flows import graph, parallel, prepare, runner

ROOT = Path(__file__).resolve().parents[2]
LONG = "trap 'echo saved; exit 3' INT; sleep 300 & echo $$ $! > pids-{0}; echo begun; wait"
DRIVER = """\
import sys
from flows import parallel
parallel.graph.needs = lambda: {"train@one": set(), "train@two": set(), "report": {"train@one", "train@two"}}
sys.exit(parallel.main(["--jobs", "2"]))
"""


def await_(file: str) -> str:
    """Shell that waits for a file, ten seconds at most."""
    return f"for i in $(seq 200); do [ -e {file} ] && break; sleep 0.05; done"


def train(toy: Path, one: str, two: str) -> None:
    """Give the two stages in the middle other commands, and what they read."""
    graph_file = toy / "dvc.yaml"
    described = yaml.safe_load(graph_file.read_text())
    described["stages"]["train"]["foreach"] = {"one": one, "two": two}
    described["stages"]["train"]["do"]["cmd"] = "${item}"
    graph_file.write_text(yaml.safe_dump(described, sort_keys=False))
    (toy / "out").mkdir(exist_ok=True)
    (toy / "data.txt").write_text("hello\n")


def run(toy: Path, jobs: int, weights: dict[str, float]) -> parallel.StudyPass:
    study = parallel.StudyPass(graph.needs(toy), toy)
    study.run(jobs, weights)
    return study


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5", "", "99999"])
def test_bad_jobs_are_one_line_and_code_2(toy, capsys, jobs):
    assert parallel.main([f"--jobs={jobs}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --jobs: ") and error.count("\n") == 1
    assert not (toy / "dvc.lock").exists()


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_a_folder_of_rows_that_is_not_there_is_told_before_anything_runs(toy, capsys, kind):
    mine = [f"source.kind={kind}", "source.path=nowhere", "source.fields.question=q", "source.fields.answer=a"]
    assert parallel.main(["--", *mine]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: source.path: nowhere is no folder; set SET=") and error.count("\n") == 1
    assert not (toy / "dvc.lock").exists()


def test_jobs_and_threads_share_the_cores(monkeypatch):
    monkeypatch.setattr(schedule, "usable_cores", lambda: 4)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert [schedule.jobs_from(None, threads) for threads in (1, 2, 3, 8)] == [4, 2, 1, 1]
    assert schedule.jobs_from("7", 8) == 7

    def environment(jobs: int) -> dict[str, str]:
        return prepare.Prepared(SimpleNamespace(params=SimpleNamespace(threads=2)), jobs).environment

    assert "OMP_WAIT_POLICY" not in environment(2)
    assert environment(3)["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert environment(3)["OMP_WAIT_POLICY"] == "ACTIVE"


def test_two_at_a_time_and_the_lock_file_of_a_plain_repro(toy, monkeypatch):
    meet = "touch begun-{0}; " + await_("begun-{1}") + "; cat data.txt begun-{1} > out/{0}.txt"
    train(toy, meet.format("one", "two"), meet.format("two", "one"))  # each fails when the other is not there
    alone = toy / "alone"
    shutil.copytree(toy, alone, ignore=shutil.ignore_patterns("alone"))
    done = run(toy, 2, {}).progress.done
    assert next(iter(done)) == "data" and list(done)[-1] == "report" and set(done.values()) == {"ran"}
    assert (toy / "report.txt").read_text() == "hello\nhello\n"

    (alone / "begun-one").touch()
    (alone / "begun-two").touch()
    monkeypatch.chdir(alone)
    with Repo(".") as repo:
        assert len(repo.reproduce()) == 4
    assert yaml.safe_load((toy / "dvc.lock").read_text()) == yaml.safe_load((alone / "dvc.lock").read_text())


def test_order_then_nothing_to_do_then_restored_from_the_cache(toy, monkeypatch, capsys):
    train(toy, *(f"echo {key} >> order && cp data.txt out/{key}.txt" for key in ("one", "two")))
    study = run(toy, 1, {"train@two": 5.0})
    assert (toy / "order").read_text() == "two\none\n"
    assert study.summary() == "4 stages: 4 ran, 0 restored, 0 unchanged"
    assert "train@two | > echo two >> order" in capsys.readouterr().out

    with monkeypatch.context() as patch:
        patch.setattr(runner, "run_stage", None)
        assert run(toy, 1, {}).summary() == "4 stages: 0 ran, 0 restored, 4 unchanged"
    assert "report    | unchanged, 4/4 done" in capsys.readouterr().out

    (toy / "out" / "one.txt").unlink()
    study = run(toy, 1, {})
    assert study.progress.done == {
        "data": "unchanged",
        "train@two": "unchanged",
        "train@one": "restored",
        "report": "unchanged",
    }
    assert (toy / "order").read_text() == "two\none\n"


def test_after_a_failure_what_runs_goes_on_and_nothing_starts(toy, monkeypatch, capsys):
    # The second is at work still when the driver has seen the first fail.
    train(toy, "echo 'error: no such thing'; exit 2", await_("seen") + "; cp data.txt out/two.txt")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    tell = parallel.StudyPass.tell

    def seen(study: parallel.StudyPass, name: str, event: str) -> None:
        tell(study, name, event)
        if event == "failed":
            (toy / "seen").touch()

    monkeypatch.setattr(parallel.StudyPass, "tell", seen)
    assert parallel.main(["--jobs", "2"]) == 1
    said = capsys.readouterr()
    lines = said.out.splitlines()
    # the other's own command may be told before or after that
    assert any("train@one | failed" in line and "what runs goes on" in line for line in lines)
    assert "train@two | ran" in lines[-2] and lines[-1].startswith(
        "4 stages: 2 ran, 0 restored, 0 unchanged, 1 failed, 1 not reached; "
    )
    assert "\nerror: no such thing\n" in said.err and "exited with 2" in said.err and "logs/train@one.log" in said.err
    assert graph.settled(graph.needs()) == ["data", "train@two"]  # recorded, so not lost


def test_a_stage_in_the_way_of_another_dvc_is_tried_again(toy, monkeypatch):
    monkeypatch.setattr(runner, "RETRY_DELAY", 0.2)
    rwlock = toy / ".dvc" / "tmp" / "rwlock"
    held = {"pid": os.getpid(), "cmd": " ".join(psutil.Process().cmdline())}
    rwlock.write_text(json.dumps({"write": {str(toy / "data.txt"): held}}))
    study = parallel.StudyPass({"data": set()})
    said = []

    def say(name: str, text: str) -> None:
        said.append(text)
        if "another DVC process" in text:
            rwlock.write_text("{}")

    monkeypatch.setattr(study, "say", say)
    study.run(2, {})
    assert sum("another DVC process" in text for text in said) == 1
    assert study.progress.done == {"data": "ran"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_the_stages_outlives_the_driver(toy, gone, number):
    train(toy, LONG.format("one"), LONG.format("two"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True, env=environment)
    begun = 0
    while begun < 2:
        begun += driver.stdout.readline().endswith("| begun\n")
        assert driver.poll() is None
    pids = [int(word) for key in ("one", "two") for word in (toy / f"pids-{key}").read_text().split()]
    assert len(pids) == 4 and not gone(pids, within=0)
    driver.send_signal(number)
    said = driver.stdout.read()
    if number == signal.SIGKILL:
        assert driver.wait(5) == -signal.SIGKILL
        assert gone(pids)
    else:
        assert driver.wait(supervise.GRACE) == 130
        assert gone(pids, within=0)
        assert "3 stages: 0 ran, 0 restored, 0 unchanged, 0 failed, 3 not reached; " in said
        held = json.loads((toy / ".dvc" / "tmp" / "rwlock").read_text())
        assert not any(held.values())  # DVC was asked, not killed
    for key in ("one", "two"):
        assert "saved" in (toy / "logs" / f"train@{key}.log").read_text()
