"""Parameters and code edited while a stage trains by them: nothing false is recorded, nothing is lost."""

import subprocess

import killing
import pytest
from killing import MAKE, RUN, start, wait_for_step

pytestmark = pytest.mark.slow


def edited(name: str, text: str) -> str:
    """The file with another learning rate of RL, or another blank in a line of code."""
    if name != "params.yaml":
        return text.replace("import ", "import  ", 1)
    before, section, after = text.partition("\nrl:")
    return before + section + after.replace("learning_rate: ", "learning_rate: 1", 1)


@pytest.mark.parametrize("driver", [MAKE, ("dvc", "repro")], ids=["make", "dvc"])
@pytest.mark.parametrize("name", ["params.yaml", "counterpoint/training/grpo.py"])
def test_an_edit_under_a_stage_is_told_and_nothing_is_recorded(folder, wanted, driver, name):
    process = start(folder, *driver)
    wait_for_step(folder)
    file = folder / name
    text = file.read_text()
    file.write_text(edited(name, text))
    assert process.wait(300) != 0
    output = (folder / "driver.out").read_text()
    (line,) = {line.partition("error: ")[2] for line in output.splitlines() if f"error: train@{RUN}: changed" in line}
    assert name in line and "nothing is published" in line
    assert f"train@{RUN}:" not in (folder / "dvc.lock").read_text()
    assert not (folder / "data/models" / RUN).exists() and not (folder / "data/runs" / RUN / "train").exists()
    file.write_text(text)
    again = killing.command(folder, *MAKE)
    assert "resuming at step 40" in again.stdout
    assert killing.results(folder) == wanted


def test_a_second_command_changes_nothing_under_a_running_study(folder, wanted):
    process = start(folder, *MAKE)
    wait_for_step(folder)
    before = (folder / "params.yaml").read_bytes()
    for words in (("STUDY=killed", "SET=rl.learning_rate=1e-3"), ("STUDY=quick",)):
        second = subprocess.run(
            ["make", "-o", ".venv/ready", "study", *words],
            cwd=folder, env=killing.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert second.returncode == 2
        (line,) = [line for line in second.stderr.splitlines() if line.startswith("error: ")]
        assert "`make study`" in line and "is running here" in line
    assert (folder / "params.yaml").read_bytes() == before
    assert process.wait(300) == 0
    assert killing.results(folder) == wanted
