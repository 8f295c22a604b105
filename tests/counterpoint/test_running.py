"""A study that runs in a checkout holds its parameters, as long as its process lives."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from counterpoint import running
from counterpoint.errors import UserError
from counterpoint.params import compose

ROOT = Path(__file__).resolve().parents[2]
HOLD = """\
import time
from counterpoint import running
with running.hold("`make study`"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    compose.write("quick", [], folder=ROOT / "studies")
    return tmp_path


@pytest.fixture
def holder(checkout):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_parameters_of_a_running_study_stay(checkout, holder):
    before = Path("params.yaml").read_bytes()
    for study, settings in (("quick", ["rl.learning_rate=1e-3"]), ("default", [])):
        with pytest.raises(UserError) as told:
            compose.write(study, settings, folder=ROOT / "studies")
        assert f"`make study` (process {holder.pid}) is running here" in str(told.value)
        assert "clone" in str(told.value) and "\n" not in str(told.value)
    assert Path("params.yaml").read_bytes() == before and not Path("params.yaml.before").exists()
    assert not compose.write("quick", [], folder=ROOT / "studies")  # the same study again changes nothing


def test_a_killed_one_holds_nothing(checkout, holder):
    assert running.others() == [(holder.pid, "`make study`")]
    holder.kill()
    holder.wait()
    assert running.others() == [] and not list(running.FOLDER.iterdir())
    assert compose.write("quick", ["rl.learning_rate=1e-3"], folder=ROOT / "studies")


def test_a_process_does_not_stand_in_its_own_way(checkout):
    with running.hold("`make study`"):
        assert compose.write("quick", ["rl.learning_rate=1e-3"], folder=ROOT / "studies")
        assert [place.name for place in running.FOLDER.iterdir()] == [str(os.getpid())]
    assert not list(running.FOLDER.iterdir())


def test_outside_a_repository_nothing_is_held(tmp_path):
    with running.hold("`make study`", tmp_path):
        assert not list(tmp_path.iterdir())
    assert running.others(tmp_path) == []


def test_the_one_that_began_first_is_named(checkout, holder):
    time.sleep(0.05)
    (running.FOLDER / "new").write_text("no process")
    with running.hold("the stage rl@x"):
        answer = subprocess.run(
            [sys.executable, "-c", "from counterpoint import running; print(*running.others())"],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert answer.stdout == f"({holder.pid}, '`make study`') ({os.getpid()}, 'the stage rl@x')\n"
