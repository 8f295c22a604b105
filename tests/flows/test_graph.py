from pathlib import Path

import pytest
from dvc.repo import Repo

from counterpoint.errors import UserError
from counterpoint.params import compose
from flows import graph, plan


def test_every_stage_stands_after_those_it_needs(toy):
    assert list(graph.needs(toy)) == ["data", "train@one", "train@two", "report"]
    assert graph.needs(toy)["report"] == {"train@one", "train@two"}


def test_items_of_a_matrix_are_named_as_dvc_names_them(toy):
    (toy / "dvc.yaml").write_text(
        "stages:\n  base:\n    matrix:\n      model: [tiny, small]\n    cmd: echo ${item.model}\n"
    )
    assert list(graph.needs(toy)) == ["base@tiny", "base@small"]


def test_a_graph_that_cannot_be_read_is_the_users_to_mend(toy):
    (toy / "dvc.yaml").write_text("stages:\n  a:\n    cmd: echo ${no.such.key}\n")
    with pytest.raises(UserError, match=r"dvc\.yaml"):
        graph.needs(toy)
    with pytest.raises(UserError, match="no such file"):
        graph.needs(toy / "studies")


@pytest.mark.parametrize(
    ("torn", "words"),
    [
        (lambda text: text[: text.index("outs:") + 5], "expected a"),
        (lambda text: text[: text.index("hash:") + 3], "no YAML from line"),
        (lambda text: "", "required key not provided at schema"),
    ],
)
def test_a_torn_lock_is_named_with_the_place_and_the_remedy(toy, torn, words):
    """By both who read it, and after the remedy nothing is made twice."""
    with Repo(".") as repo:
        repo.reproduce()
    lock = toy / "dvc.lock"
    whole = lock.read_text()
    lock.write_text(torn(whole))
    for read in (graph.needs, lambda: plan.unchanged({Path("params.yaml"): (toy / "params.yaml").read_text()})):
        with pytest.raises(UserError, match=rf"^dvc\.lock: .*{words}.*; run `git checkout -- dvc\.lock`") as caught:
            read()
        assert "\n" not in str(caught.value)
    lock.write_text(whole)
    assert graph.settled(graph.needs()) == list(graph.needs())


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


def record(folder, names) -> None:
    (folder / "dvc.lock").write_text("schema: '2.0'\nstages:\n" + "".join(f"  {name}:\n    cmd: x\n" for name in names))


def test_dvc_is_asked_again_only_where_starting_it_for_each_would_take_longer(monkeypatch, tmp_path):
    needs = {"data": set(), **{f"train@{n}": {"data"} for n in range(9)}, "report": {f"train@{n}" for n in range(9)}}
    asked = []

    def settled(waiting, done, root):
        asked.append(set(waiting))
        return []

    monkeypatch.setattr(graph, "settled", settled)
    record(tmp_path, needs)
    skipped = graph.Skipped(needs, tmp_path)
    assert skipped.now([], []) == [] and len(asked) == 1
    skipped.seconds = 5.5 * graph.Skipped.ALONE  # what it took
    done = ["data"]
    skipped.now(done, ["train@0", "train@1"])  # seven more in reach
    assert len(asked) == 2 and asked[1] == needs.keys() - {"data", "train@0", "train@1"}  # of data it was asked
    skipped.seconds = 5.5 * graph.Skipped.ALONE
    skipped.now([*done, "train@2"], ["train@0"])  # one more in reach
    skipped.now([*done, *(f"train@{n}" for n in range(9))], [])
    assert len(asked) == 2


def test_dvc_is_not_asked_of_stages_that_it_never_recorded(monkeypatch, tmp_path):
    needs = {"data": set(), "old": {"data"}, "new": {"data"}, "last": {"old", "new"}}
    asked = []
    monkeypatch.setattr(graph, "settled", lambda waiting, done, root: asked.append(set(waiting)) or [])
    graph.Skipped(needs, tmp_path).now([], [])
    assert asked == []  # no dvc.lock: nothing was ever recorded
    record(tmp_path, ["data", "old", "gone"])
    skipped = graph.Skipped(needs, tmp_path)
    skipped.now([], [])
    skipped.now(["data"], [])
    skipped.now(["data", "old", "new"], [])
    assert asked == [{"data", "old"}, {"old"}]
    (tmp_path / "dvc.lock").write_text("# by hand\nstages: {}\n")  # DVC alone can read that
    graph.Skipped(needs, tmp_path).now([], [])
    assert asked[2] == set(needs)


def test_what_was_edited_is_seen_though_the_graph_is_remembered(toy):
    with Repo(".") as repo:
        repo.reproduce()
    needs = graph.needs()
    assert graph.settled(needs) == list(needs)
    (toy / "source.txt").write_text("edited")
    assert graph.settled(needs) == []
    with Repo(".") as repo:
        repo.reproduce()
    assert graph.settled(graph.needs()) == list(needs)
    compose.write("default", ["rl.learning_rate=0.5"])
    assert "train@one" not in graph.settled(needs)
