"""The store of generations: what a key follows from, two processes at once, files that are none, weights by content."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from counterpoint.errors import UserError
from counterpoint.evaluation import store
from counterpoint.evaluation.store import Store, content, generator, key, weights_digest
from counterpoint.generation.completion import Completion
from counterpoint.problem import Picture
from counterpoint.suites.views import View

GREEDY = {"decoding": "greedy", "max_tokens": 8}


def name(i: int) -> bytes:
    return key(content("w", View(f"question {i}"), GREEDY, 0))


def pictures(*data: bytes) -> tuple[Picture, ...]:
    return tuple(map(Picture.of, data))


def completion(i: int) -> Completion:
    return Completion(f"text {i}\n\x00ü", i % 7, i % 2 == 1)


def test_what_was_put_is_got_in_another_process_too(tmp_path):
    store = Store(tmp_path / "deep/er/store.sqlite")
    keys = [name(i) for i in range(1203)]  # more than one statement takes
    store.put(keys, map(completion, range(1203)))
    store.close()
    again = Store(tmp_path / "deep/er/store.sqlite")
    assert again.get([*keys, name(9999), keys[0]]) == {k: completion(i) for i, k in enumerate(keys)}
    assert again.get([]) == {} and again.get([name(9999)]) == {}


def test_a_key_that_is_filled_stays_as_it_is(tmp_path):
    store = Store(tmp_path / "s")
    store.put([name(0)], [Completion("first", 1, False)])
    store.put([name(0), name(1)], [Completion("second", 2, True), Completion("other", 3, False)])
    assert store.get([name(0), name(1)]) == {
        name(0): Completion("first", 1, False),
        name(1): Completion("other", 3, False),
    }


def test_a_key_changes_with_everything_that_a_generation_follows_from():
    sampled = {"decoding": "sampled", "max_tokens": 8, "temperature": 1.0, "top_p": 1.0}
    wanted = [
        ("w", View("t", pictures(b"a", b"b")), GREEDY, 0),
        ("v", View("t", pictures(b"a", b"b")), GREEDY, 0),
        ("w", View("t ", pictures(b"a", b"b")), GREEDY, 0),
        ("w", View("t", pictures(b"b", b"a")), GREEDY, 0),
        ("w", View("t", pictures(b"ab")), GREEDY, 0),
        ("w", View("t", ()), GREEDY, 0),
        ("w", View("t", pictures(b"a", b"b")), {**GREEDY, "max_tokens": 9}, 0),
        ("w", View("t", pictures(b"a", b"b")), GREEDY, 1),
        ("w", View("t", pictures(b"a", b"b")), sampled, 0),
        ("w", View("t", pictures(b"a", b"b")), sampled, 1),
        ("w", View("t", pictures(b"a", b"b")), {**sampled, "temperature": 0.7}, 0),
        ("w", View("t", pictures(b"a", b"b")), {**sampled, "top_p": 0.9}, 0),
    ]
    keys = [key(content(*one)) for one in wanted]
    assert len(set(keys)) == len(keys) and {len(k) for k in keys} == {32}
    assert keys == [key(content(*one)) for one in wanted]
    pinned = content(*wanted[0]).hex()  # what samples are drawn by
    assert pinned == "d7495c6cf0f98b595b0ca3f32ec4a7ebd634ea8323e608dc90bbf62d695ce442"
    assert content("w", View("t"), dict(reversed(sampled.items())), 0) == content("w", View("t"), sampled, 0)


WRITER = """
import sys
from pathlib import Path
from pathlib import Path
from counterpoint.evaluation.store import Store, content, key
from counterpoint.generation.completion import Completion
from counterpoint.problem import Picture
from counterpoint.suites.views import View
who, start = sys.argv[2], int(sys.argv[3])
store = Store(Path(sys.argv[1]))
for batch in range(start, start + 120):
    numbers = range(5 * batch, 5 * batch + 5)
    store.put(
        [key(content("w", View(f"question {i}"), {"decoding": "greedy", "max_tokens": 8}, 0)) for i in numbers],
        [Completion(f"{who} {i}", i, False) for i in numbers],
    )
"""


def test_a_key_changes_with_the_code_that_generates(monkeypatch):
    view, found = View("a", ()), set()
    for code in ("one", "another"):
        monkeypatch.setattr(store, "generator", lambda code=code: code)
        found.add(key(content("w", view, {}, 0)))
    assert len(found) == 2
    monkeypatch.undo()
    assert len(generator()) == 64 and generator() == generator.__wrapped__()


def test_two_processes_write_at_once(tmp_path, root):
    environment = {**os.environ, "PYTHONPATH": str(root)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "s", who, start], env=environment)
        for who, start in (("one", "0"), ("two", "60"))
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    found = Store(tmp_path / "s").get([name(i) for i in range(900)])
    assert len(found) == 900
    for i in range(900):
        who = {"one"} if i < 300 else {"two"} if i >= 600 else {"one", "two"}  # whoever came first
        assert found[name(i)].text in {f"{w} {i}" for w in who} and found[name(i)].tokens == i
    for batch in range(180):  # a batch is kept whole
        assert len({found[name(i)].text.split()[0] for i in range(5 * batch, 5 * batch + 5)}) == 1


def test_a_writer_waits_for_another_and_does_not_lose_its_batch(tmp_path):
    first, second = Store(tmp_path / "s"), Store(tmp_path / "s")
    first.db.execute("begin immediate")
    second.db.execute("pragma busy_timeout = 50")
    with pytest.raises(UserError, match="locked; if no other evaluation is running, delete the file"):
        second.put([name(1)], [completion(1)])
    first.db.execute("commit")
    second.put([name(1)], [completion(1)])
    assert first.get([name(1)]) == {name(1): completion(1)}


def used(path) -> Store:
    """A store of many pages, closed."""
    store = Store(path)
    store.put([name(i) for i in range(500)], [Completion("x" * 300, 1, False)] * 500)
    store.close()
    return store


def broken(path) -> str:
    with pytest.raises(UserError) as caught:
        store = Store(path)
        store.get([name(i) for i in range(500)])
        store.put([name(7)], [completion(7)])
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_files_that_are_no_store_are_refused_in_one_line(tmp_path):
    (tmp_path / "text").write_bytes(b"no database at all, but long enough for a header" * 30)
    assert "delete the file" in broken(tmp_path / "text")
    used(tmp_path / "cut")
    data = (tmp_path / "cut").read_bytes()
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    assert "delete the file" in broken(tmp_path / "cut")
    used(tmp_path / "holed")
    (tmp_path / "holed").write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    assert "delete the file" in broken(tmp_path / "holed")
    db = sqlite3.connect(tmp_path / "other")
    db.execute("create table generations (a int)")
    db.close()
    assert "delete the file" in broken(tmp_path / "other")
    (tmp_path / "folder").mkdir()
    assert "not a store of generations" in broken(tmp_path / "folder")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in broken(tmp_path / "file/store.sqlite")


def test_a_text_that_is_none_is_told_in_one_short_line(tmp_path):
    texts = Store(tmp_path / "text")
    texts.put([name(0)], [Completion("see\nsay\n" * 99, 1, False)])
    texts.db.execute("update generations set text = cast(x'ff' || text as text)")
    texts.close()
    said = broken(tmp_path / "text")
    assert "Could not decode to UTF-8" in said and said.endswith("delete the file") and len(said) < 400


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "s").write_bytes(b"")
    store = Store(tmp_path / "s")
    store.put([name(0)], [completion(0)])
    assert store.get([name(0)]) == {name(0): completion(0)}


def folder(path, **files: str):
    path.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (path / file).write_text(text)
    return str(path)


def test_a_checkpoint_written_anew_at_its_path_has_another_digest(tmp_path):
    path = folder(tmp_path / "a", weights="1", **{"config.json": "c"})
    first = weights_digest(path)
    assert weights_digest(path) == first and len(first) == 64
    folder(tmp_path / "a", weights="2")
    second = weights_digest(path)
    folder(tmp_path / "a", weights="1")
    assert second != first == weights_digest(path)
    shutil.copytree(tmp_path / "a", tmp_path / "moved")
    assert weights_digest(str(tmp_path / "moved")) == first  # where it lies does not count
    (tmp_path / "a/weights").rename(tmp_path / "a/others")
    assert weights_digest(path) != first
    (tmp_path / "moved/more").mkdir()
    (tmp_path / "moved/more/deep").write_text("x")
    assert weights_digest(str(tmp_path / "moved")) != first


def test_what_an_adapter_adapts_counts_too(tmp_path):
    base = folder(tmp_path / "base", weights="1", **{"config.json": "c"})
    config = json.dumps({"base_model_name_or_path": base})
    weights = "adapter_model.safetensors"
    adapter = folder(tmp_path / "adapter", **{"adapter_config.json": config})
    save_file({"a": np.zeros(1)}, Path(adapter) / weights)
    first = weights_digest(adapter)
    folder(tmp_path / "base", weights="2")
    assert weights_digest(adapter) != first
    folder(tmp_path / "base", weights="1")
    assert weights_digest(adapter) == first
    save_file({"a": np.ones(1)}, Path(adapter) / weights)
    assert weights_digest(adapter) != first


def test_no_checkpoint_is_one_line(tmp_path):
    config = json.dumps({"base_model_name_or_path": "no/such/base"})
    adapter = folder(tmp_path / "x", **{"adapter_config.json": config})
    save_file({"a": np.zeros(1)}, Path(adapter) / "adapter_model.safetensors")
    for path in ("data/models/none", str(tmp_path / "none"), adapter):
        with pytest.raises(UserError, match="neither a checkpoint's folder nor the id of a model on the hub") as caught:
            weights_digest(path)
        assert "\n" not in str(caught.value)
