"""Checkpoints that say what they hold: a whole one is found, and every change to one is seen and named."""

import json
import os
import shutil
from pathlib import Path

import pytest

from counterpoint.models import manifest


@pytest.fixture
def work(tmp_path):
    """Checkpoints after 2 and 10 steps, each with a file and one in a folder."""
    for step in (2, 10):
        folder = tmp_path / f"checkpoint-{step}"
        (folder / "adapter").mkdir(parents=True)
        (folder / "weights").write_bytes(b"w" * step)
        (folder / "adapter/weights").write_bytes(b"a" * step)
        manifest.write(folder, told={"step": step})
    return tmp_path


def test_the_newest_is_found_with_what_it_tells(work):
    found, told = manifest.newest(work)
    assert (found.name, manifest.step(found), told["told"]) == ("checkpoint-10", 10, {"step": 10})
    assert sorted(told["files"]) == ["adapter/weights", "weights"]
    assert sorted(path.name for path in found.iterdir()) == ["adapter", manifest.NAME, "weights"]
    assert manifest.newest(work / "elsewhere") == (None, {})


@pytest.mark.parametrize("name", ["weights", "adapter/weights", manifest.NAME])
def test_whatever_byte_changes_the_older_one_is_taken(work, caplog, name):
    file = work / "checkpoint-10" / name
    data = file.read_bytes()
    for place in range(len(data)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        if not data[place : place + 1].isspace():
            assert manifest.newest(work)[0].name == "checkpoint-2", place
    assert f"checkpoint-10 is left out: {name} " in caplog.text
    file.write_bytes(data)
    assert manifest.newest(work)[0].name == "checkpoint-10"


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda folder: (folder / "weights").unlink(), "weights is missing"),
        (lambda folder: os.truncate(folder / "weights", 3), r"weights is not as it was written \(3 bytes\)"),
        (lambda folder: (folder / manifest.NAME).unlink(), "it was not finished, for it has no manifest.json"),
        (lambda folder: (folder / manifest.NAME).write_text("[]"), "manifest.json cannot be read"),
        (lambda folder: (folder / manifest.NAME).write_text("{}"), "manifest.json cannot be read"),
        (lambda folder: (folder / manifest.NAME).write_bytes(b"\xff"), "manifest.json cannot be read"),
    ],
)
def test_it_is_said_what_is_wrong(work, break_it, said):
    folder = work / "checkpoint-10"
    break_it(folder)
    with pytest.raises(manifest.Broken, match=said):
        manifest.check(folder, manifest.read(folder)["files"])


def test_a_folder_in_the_place_of_a_file_is_said_to_be_unreadable(work):
    (work / "checkpoint-10/weights").unlink()
    (work / "checkpoint-10/weights").mkdir()
    with pytest.raises(manifest.Broken, match=r"weights cannot be read \(Is a directory\)"):
        manifest.check(work / "checkpoint-10", {"weights": "0"})


@pytest.mark.parametrize("name", ["../checkpoint-2/weights", "/etc/hostname"])
def test_a_manifest_names_no_file_elsewhere(work, name):
    with pytest.raises(manifest.Broken, match="is none of its files"):
        manifest.check(work / "checkpoint-10", {name: "0"})


def test_what_else_is_told_counts(work, caplog):
    def also(told):
        if told["told"]["step"] > 2:
            raise manifest.Broken("records are short")

    assert manifest.newest(work, also)[0].name == "checkpoint-2"
    assert "checkpoint-10 is left out: records are short" in caplog.text and "step 0" not in caplog.text


def test_where_none_is_whole_that_is_said_and_all_go(work, caplog):
    for step in (2, 10):
        (work / f"checkpoint-{step}" / "weights").unlink()
    found, told = manifest.newest(work)
    assert (found, told) == (None, {})
    assert "no checkpoint is left: starting from step 0" in caplog.text
    assert len(manifest.checkpoints(work)) == 2
    manifest.drop_after(work, found)
    assert manifest.checkpoints(work) == []


def test_a_manifest_is_written_whole_or_not_at_all(work, monkeypatch):
    folder = work / "checkpoint-12"
    folder.mkdir()
    (folder / "weights").write_bytes(b"w")

    def killed(self, *given, **more):
        self.write_bytes(b'{"files"')
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "write_text", killed)
        manifest.write(folder)
    assert not (folder / manifest.NAME).exists()
    assert manifest.newest(work)[0].name == "checkpoint-10"


def test_before_one_is_removed_an_older_one_is_on_the_disk(work, monkeypatch):
    manifest.write((work / "checkpoint-2").rename(work / "checkpoint-12"))
    done, real, remove = [], os.fsync, shutil.rmtree
    monkeypatch.setattr(os, "fsync", lambda file: done.append(os.readlink(f"/proc/self/fd/{file}")) or real(file))
    monkeypatch.setattr(shutil, "rmtree", lambda path, **how: done.append(f"removed {path.name}") or remove(path))
    manifest.rotate(work)
    assert done == []
    (work / "checkpoint-14").mkdir()
    manifest.write(work / "checkpoint-14")
    manifest.rotate(work)
    names = ["adapter", "adapter/weights", manifest.NAME, "weights"]
    kept = {str(work), str(work / "checkpoint-12"), *(str(work / "checkpoint-12" / name) for name in names)}
    assert set(done[:-1]) == kept and done[-1] == "removed checkpoint-10"


def test_rotation_keeps_two_and_counts_nothing_else(work):
    (work / "checkpoint-abc").mkdir()
    (work / "checkpoint-11").write_text("mine")
    for step in (4, 100):
        (work / f"checkpoint-{step}").mkdir()
        manifest.write(work / f"checkpoint-{step}")
    manifest.rotate(work)
    left = ["checkpoint-10", "checkpoint-100", "checkpoint-11", "checkpoint-abc"]
    assert sorted(path.name for path in work.iterdir()) == left
    assert json.loads((work / "checkpoint-100" / manifest.NAME).read_text())["files"] == {}
