"""A plan is of the study as it would be composed, and leaves everything as it is."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from counterpoint.params import compose, grid
from flows import plan
from stages.dvc_patches import Shown


def state(root: Path) -> dict[Path, bytes]:
    """The files that git or DVC would notice."""
    return {path: path.read_bytes() for path in root.iterdir() if path.is_file()}


def texts(study: str, *overrides: str) -> dict[Path, str]:
    """What DVC is shown of a study."""
    made = compose.resolve(study, list(overrides))
    return {Path("params.yaml"): made.text, grid.FILE: grid.as_yaml(made.params)}


def test_what_is_done_is_dvcs_word_on_the_composed_parameters(toy):
    here = {Path("params.yaml"): Path("params.yaml").read_text()}
    assert plan.unchanged(here) == set()
    with Repo(".") as repo:
        repo.reproduce()
    before = state(toy)
    everything = {"data", "train@one", "train@two", "report"}
    same, other = texts("default"), texts("default", "rl.epochs=2")
    assert plan.unchanged(same) == plan.unchanged(other) == everything  # these stages read rl.learning_rate alone
    assert plan.unchanged(texts("default", "rl.learning_rate=0.5")) == set()
    assert state(toy) == before
    (toy / "out" / "two.txt").write_text("changed")
    assert plan.unchanged(same) == {"data", "train@one"}
    (toy / "params.yaml").unlink()
    assert plan.unchanged(same) == {"data", "train@one"}


def test_the_graph_is_that_of_the_composed_study(toy):
    Path("dvc.yaml").write_text(
        "vars: [grid.yaml]\nstages:\n  train:\n    foreach: ${grid.train}\n    do:\n"
        "      cmd: echo ${item.sample} > ${key}\n"
        "      outs: ['${key}']\n"
    )
    quick = {f"train@{arm}-tiny-{sample}-0" for arm in ("sft", "rl") for sample in ("100", "1k")}
    with Repo(fs=Shown(texts("quick"))) as repo:
        assert {stage.addressing for stage in repo.index.stages} == quick
    compose.write("quick", [])
    with Repo(".") as repo:
        repo.reproduce()
    compose.write("default", [])
    assert plan.unchanged(texts("quick")) == quick
    assert plan.unchanged(texts("default")) == set()


def test_the_plan_of_another_study_leaves_the_parameters_as_they_are(toy, capsys):
    before = state(toy)
    assert plan.main(["quick", "sampling.sizes.100=0"]) == 2  # the same check as when it is written
    assert "sampling.sizes.100" in capsys.readouterr().err
    assert plan.main(["quick"]) == 0
    out = capsys.readouterr().out
    assert "study quick: 1 bases, 4 training runs, 2 trace sets\n" in out and "hours of one core" in out
    assert state(toy) == before


def test_a_hand_edit_of_the_same_study_is_planned_too(toy):
    compose.write("default", ["sft.epochs=3"])
    assert compose.resolve("default", []).data["sft"]["epochs"] == 3
    assert compose.resolve("quick", []).data["sft"]["epochs"] == 1


@pytest.mark.parametrize("setting", ["sft.epochs=0", "arms.sft.settings.epoch=2"])
def test_a_mistake_is_said_of_where_it_stands(toy, capsys, setting):
    assert plan.main(["quick", setting]) == 2
    assert capsys.readouterr().err.startswith("error: studies/quick.yaml with SET: ")
    assert plan.main(["default", setting]) == 2  # the study that params.yaml holds
    assert capsys.readouterr().err.startswith("error: params.yaml: ")


def test_a_mistake_is_one_line(toy, capsys):
    for arguments, said in (([], "usage"), (["publishd"], "unknown study"), (["quick", "rl.epoch=2"], "unknown key")):
        assert plan.main(arguments) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: ") and said in told and told.count("\n") == 1
    Path("dvc.yaml").write_text("stages:\n  a:\n    cmd: echo ${no.such.key}\n")
    assert plan.main(["quick"]) == 2
    assert capsys.readouterr().err.startswith("error: dvc.yaml: ")
