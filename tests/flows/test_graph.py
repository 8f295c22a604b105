import pytest
from dvc.repo import Repo

from counterpoint.errors import UserError
from flows import graph


def test_every_stage_stands_after_those_it_needs(toy):
    assert graph.stages(toy) == ["data", "train@one", "train@two", "report"]
    assert graph.needs(toy)["report"] == {"train@one", "train@two"}


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


def test_the_longest_way_to_the_end_counts():
    needs = {"data": set(), "a": {"data"}, "b": {"data"}, "c": {"b"}, "end": {"a", "c"}}
    weights = {"data": 1.0, "a": 5.0, "b": 2.0, "end": 4.0}  # a stage without a weight counts one second
    longest = graph.remaining(needs, weights)
    assert longest == {"data": 10.0, "a": 9.0, "b": 7.0, "c": 5.0, "end": 4.0}
    assert graph.startable(needs, longest, [], []) == ["data"]
    assert graph.startable(needs, longest, ["data"], []) == ["a", "b"]
    assert graph.startable(needs, longest, ["data"], ["a"]) == ["b"]
    assert graph.startable(needs, longest, ["data", "a", "b"], ["c"]) == []


def test_a_stage_that_never_ran_is_not_settled(toy):
    assert graph.settled({"data": set(), "no-such-stage": set()}, root=toy) == []


def test_a_stage_is_settled_only_after_those_it_needs(toy):
    with Repo(".") as repo:
        repo.reproduce()
    needs = graph.needs()
    assert graph.settled(needs) == list(needs)
    assert graph.settled({"report": needs["report"]}) == []  # what it needs may be about to change it
    assert graph.settled({"report": needs["report"]}, {"train@one", "train@two"}) == ["report"]
    (toy / "out" / "two.txt").write_text("changed")
    assert graph.settled(needs) == ["data", "train@one"]


def test_only_a_lock_file_cut_off_is_put_back(tmp_path):
    before = "schema: '2.0'\nstages:\n  a:\n    cmd: one\n  b:\n    cmd: two\n"
    for cut in {*range(len(before))} - {
        before.index("    cmd: two")
    }:  # DVC writes a line's end and what follows at once
        (tmp_path / "dvc.lock").write_text(before[:cut])
        assert graph.mend_lock_file(before, tmp_path)
        assert (tmp_path / "dvc.lock").read_text() == before
    for whole in (before, before.replace("one", "three"), before + "  c:\n    cmd: three\n"):
        (tmp_path / "dvc.lock").write_text(whole)
        assert not graph.mend_lock_file(before, tmp_path)
        assert (tmp_path / "dvc.lock").read_text() == whole
    assert not graph.mend_lock_file("", tmp_path)  # nothing is known of it
