import pytest

from counterpoint.errors import UserError
from flows import graph


def test_every_stage_stands_after_those_it_needs(toy):
    assert graph.stages(toy) == ["data", "train@one", "train@two", "report"]


def test_items_of_a_matrix_are_named_as_dvc_names_them(toy):
    (toy / "dvc.yaml").write_text(
        "stages:\n  base:\n    matrix:\n      model: [tiny, small]\n    cmd: echo ${item.model}\n"
    )
    assert graph.stages(toy) == ["base@tiny", "base@small"]


def test_a_graph_that_cannot_be_read_is_the_users_to_mend(toy):
    (toy / "dvc.yaml").write_text("stages:\n  a:\n    cmd: echo ${no.such.key}\n")
    with pytest.raises(UserError, match=r"dvc\.yaml"):
        graph.stages(toy)
    with pytest.raises(UserError, match="no such file"):
        graph.stages(toy / "studies")


def test_a_stage_that_never_ran_is_not_unchanged(toy):
    assert not graph.unchanged("data", toy)
    assert not graph.unchanged("no-such-stage", toy)
