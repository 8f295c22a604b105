"""The stage that checks params.yaml: what it refuses before anything is computed, when grid.yaml is written anew."""

from pathlib import Path

import pytest

from counterpoint.errors import UserError
from counterpoint.params import grid
from stages import check


@pytest.fixture
def folder(mini):
    """The mini study, nothing checked yet."""
    return mini()


def test_it_writes_the_same_whatever_the_parameters(folder, mini):
    check.program([])
    first = Path("data/checked").read_bytes()
    mini("rl.epochs=2")
    check.program([])
    assert Path("data/checked").read_bytes() == first
    assert first == (Path(__file__).parents[2] / "data/checked").read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("study: mini", "study: minni"), "study is 'minni'; did you mean 'mini'?; a study of your own has a file"),
        (("group_size: 4", "group_size: four"), "rl.group_size must be of type int"),
        (("kind: procedural", "kind: folder"), "source.path: counterpoint/sources/families is no folder"),
    ],
)
def test_a_mistake_is_one_line(folder, change, said):
    file = folder / "params.yaml"
    assert change[0] in file.read_text()
    mapped = file.read_text().replace("fields: {}", "fields: {question: q, answer: a}")
    file.write_text(mapped.replace(*change))
    with pytest.raises(UserError) as told:
        check.program([])
    assert said in str(told.value) and "\n" not in str(told.value)
    assert not Path("data/checked").exists()


def test_a_grid_that_does_not_follow_is_written_anew_and_told(folder):
    before = grid.FILE.read_text()
    file = folder / "params.yaml"
    file.write_text(file.read_text() + "  - {arm: sft, model: mini, sample: '16', seed: 1}\n")
    with pytest.raises(UserError, match=r"grid\.yaml: the runs .* have changed; it is written anew, the same command"):
        check.program([])
    assert "sft-mini-16-1" in grid.FILE.read_text() and grid.FILE.read_text() != before
    check.program([])


def test_it_takes_no_arguments(folder):
    with pytest.raises(UserError, match="takes no arguments"):
        check.program(["now"])
