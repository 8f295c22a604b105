"""Work folders in which something was lost or changed: it is named, and the run ends as if nothing had happened."""

import itertools
import os
import shutil

import pytest

from counterpoint.errors import UserError
from counterpoint.models import manifest
from counterpoint.training.records import RECORDED
from counterpoint.training.session import RunCallback
from tests.counterpoint.training.bits import differing

EVERY = 3
LEFT = {"sft": (6, 9), "rl": (12, 15), "rl lora best": (12, 15)}  # the checkpoints of a killed run


class Killed(BaseException):
    """Ends a run where a kill would; nothing catches it."""


def inverted(path):
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(255 - byte for byte in data[middle : middle + 64])
    path.write_bytes(data)


def thinned(path):
    """Without its third line."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], *lines[3:]]))


DAMAGES = {
    "inverted": inverted,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": lambda path: path.unlink(),
    "thinned": thinned,
}


@pytest.fixture(scope="module")
def killed(run, tmp_path_factory):
    """`killed(name, folder)`: the work folder of a run that was killed two steps after its last checkpoint."""
    found = {}

    def make(name):
        found[name], real = tmp_path_factory.mktemp("killed"), RunCallback.on_log

        def on_log(self, args, state, control, **more):
            real(self, args, state, control, **more)
            if state.global_step == LEFT[name][-1] + 2:
                raise Killed

        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            patch.setattr(RunCallback, "on_log", on_log)
            run(name, found[name], EVERY)

    def copy(name, folder):
        if name not in found:
            make(name)
        shutil.copytree(found[name], folder)
        return folder

    return copy


def ends_the_same(run, whole, name, work, caplog, damaged: str, step: int):
    """That the run names what is damaged, goes on from this step and ends as the uninterrupted one."""
    caplog.clear()
    caplog.set_level("INFO")
    found = run(name, work, EVERY)
    said = [record.getMessage() for record in caplog.records if " is left out: " in record.getMessage()]
    where, _, file = damaged.partition("/") if damaged.startswith("checkpoint-") else ("", "", damaged)
    assert said and said[0].startswith(where) and file in said[0]
    assert (f"resuming at step {step}" in caplog.text) == (step > 0)
    assert ("starting from step 0" in caplog.text) == (step == 0)
    assert len(said) == (1 if step else 2)
    assert differing(found, whole(name)) == []
    assert manifest.newest(work)[0].name == found["last"]


@pytest.mark.parametrize(
    ("name", "path", "damage", "older"),
    [
        ("sft", "checkpoint-9/model.safetensors", "inverted", True),
        ("sft", "checkpoint-9/manifest.json", "inverted", True),
        ("rl", "checkpoint-15/resume.pt", "cut", True),
        ("rl", "records/completions.jsonl", "thinned", False),
        ("rl lora best", "best/14.safetensors", "inverted", True),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (
                ("sft", "checkpoint-9/optimizer.pt", "inverted", True),
                ("sft", "checkpoint-9/trainer_state.json", "deleted", True),
                ("rl", "records/rewards.jsonl", "deleted", False),
                ("rl lora best", "checkpoint-15/adapter_model.safetensors", "emptied", True),
            )
        ),
    ],
)
def test_what_is_broken_is_named_and_the_run_ends_the_same(
    run, whole, killed, tmp_path, caplog, name, path, damage, older
):
    work = killed(name, tmp_path / "work")
    DAMAGES[damage](work / path)
    ends_the_same(run, whole, name, work, caplog, path, LEFT[name][0] if older else 0)


def files_of(checkpoint):
    return sorted(path.relative_to(checkpoint).as_posix() for path in checkpoint.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", LEFT)
def test_any_file_of_a_checkpoint_may_break_in_any_way(killed, tmp_path, caplog, name):
    newest = f"checkpoint-{LEFT[name][-1]}"
    files = files_of(killed(name, tmp_path / "whole") / newest)
    assert {"optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "training_args.bin"} < set(files)
    assert {"resume.pt", manifest.NAME} < set(files)
    weights = (
        ["adapter_model.safetensors", "ref/adapter_model.safetensors"] if "lora" in name else ["model.safetensors"]
    )
    assert set(weights) < set(files)
    work = tmp_path / "whole"
    for file in files:
        data = (work / newest / file).read_bytes()
        for damage in ("inverted", "cut", "emptied", "deleted"):
            DAMAGES[damage](work / newest / file)
            caplog.clear()
            assert manifest.newest(work)[0].name == f"checkpoint-{LEFT[name][0]}"
            assert newest in caplog.text and file in caplog.text
            (work / newest / file).write_bytes(data)
    assert manifest.newest(work)[0].name == newest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sft", "rl lora best"])
def test_whichever_file_breaks_the_run_ends_the_same(run, whole, killed, tmp_path, caplog, name):
    older, newest = LEFT[name]
    files = files_of(killed(name, tmp_path / "whole") / f"checkpoint-{newest}")
    for file, damage in zip(files, itertools.cycle(["inverted", "cut", "emptied", "deleted"])):
        work = killed(name, tmp_path / file.replace("/", "-"))
        DAMAGES[damage](work / f"checkpoint-{newest}" / file)
        ends_the_same(run, whole, name, work, caplog, f"checkpoint-{newest}/{file}", older)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_whichever_table_of_the_records_breaks_the_run_ends_the_same(run, whole, killed, tmp_path, caplog, damage):
    for table in RECORDED:
        work = killed("rl", tmp_path / table)
        DAMAGES[damage](work / f"records/{table}.jsonl")
        ends_the_same(run, whole, "rl", work, caplog, f"records/{table}.jsonl", 0)


@pytest.mark.parametrize("damage", ["changed", "lost"])
def test_records_that_reach_an_older_checkpoint_take_it(run, whole, killed, tmp_path, caplog, damage):
    work = killed("rl", tmp_path / "work")
    file = work / "records/steps.jsonl"
    known = manifest.read(work / "checkpoint-12")["records"]["steps"]["bytes"]
    data = file.read_bytes()
    file.write_bytes(data[: known + 9] + (data[known + 9 :].replace(b"step", b"stop") if damage == "changed" else b""))
    ends_the_same(run, whole, "rl", work, caplog, "records/steps.jsonl", 12)
    assert damage == "changed" or "records/steps.jsonl has 12 of 15 rows" in caplog.text


def test_both_checkpoints_may_break_and_what_follows_the_records_is_cut_off(run, whole, killed, tmp_path, caplog):
    work = killed("sft", tmp_path / "work")
    for table in ("steps", "timings", "probes"):
        with (work / f"records/{table}.jsonl").open("ab") as file:
            file.write(b'\xff\n{"run_id": "run-micro-16-0", "step": 1, "lo')
    again = shutil.copytree(work, tmp_path / "again")
    DAMAGES["emptied"](work / "checkpoint-9/scheduler.pt")
    ends_the_same(run, whole, "sft", work, caplog, "checkpoint-9/scheduler.pt", 6)
    DAMAGES["deleted"](again / "checkpoint-9/rng_state.pth")
    DAMAGES["cut"](again / "checkpoint-6/training_args.bin")
    ends_the_same(run, whole, "sft", again, caplog, "checkpoint-9/rng_state.pth", 0)
    assert "checkpoint-6 is left out: training_args.bin is not as it was written" in caplog.text


@pytest.mark.slow
def test_a_run_whose_files_break_while_it_trains_says_so_and_ends_the_same_when_started_again(
    run, whole, killed, tmp_path, caplog, monkeypatch
):
    def breaking(path):
        def on_train_end(self, *given, **more):
            path.write_bytes(b"{}")

        return on_train_end

    cases = {"records/rewards.jsonl": "changed by another process", "best/14.safetensors": "trained anew"}
    for place, said in cases.items():
        work = killed("rl lora best", tmp_path / place.replace("/", "-"))
        with monkeypatch.context() as patch, pytest.raises(UserError, match=said) as caught:
            patch.setattr(RunCallback, "on_train_end", breaking(work / place))
            run("rl lora best", work, EVERY)
        assert place.rpartition("/")[2] in str(caught.value)
        ends_the_same(run, whole, "rl lora best", work, caplog, place, 0)


def test_what_only_has_a_name_like_a_checkpoint_s_is_let_be(run, whole, killed, tmp_path, caplog):
    work = killed("sft", tmp_path / "work")
    folders = ["checkpoint-abc", "checkpoint-", "checkpoint-07", "checkpoint-²", "checkpoint-9 (copy)"]
    for name in folders:
        (work / name).mkdir()
        os.utime(work / name, (0, 0))
    files = ["checkpoint-5", "checkpoint-99", "checkpoint-12.bak"]
    for name in files:
        (work / name).write_text("mine")
    caplog.set_level("INFO")
    assert differing(run("sft", work, EVERY), whole("sft")) == []
    assert "resuming at step 9" in caplog.text and "left out" not in caplog.text
    assert {path.name for path in work.glob("checkpoint-*")} == {*folders, *files, "checkpoint-12", "checkpoint-13"}


def test_a_file_where_a_checkpoint_is_to_be_is_told_before_anything_is_trained(run, killed, tmp_path):
    work = killed("sft", tmp_path / "work")
    (work / "checkpoint-12").write_text("mine")
    before = {path.name: path.stat().st_mtime_ns for path in work.rglob("*") if path.name != "records"}
    with pytest.raises(UserError, match=r"checkpoint-12: a checkpoint is to be written there, .*; move it away"):
        run("sft", work, EVERY)
    assert {path.name: path.stat().st_mtime_ns for path in work.rglob("*") if path.name != "records"} == before


def test_nothing_is_removed_before_two_newer_checkpoints_are_whole(run, killed, tmp_path, monkeypatch):
    work, seen = killed("sft", tmp_path / "work"), []
    real = manifest.write

    def write(checkpoint, **told):
        seen.append([manifest.step(path) for path in manifest.checkpoints(work)])
        real(checkpoint, **told)
        for path in manifest.checkpoints(work):
            manifest.check(path, manifest.read(path)["files"])

    monkeypatch.setattr(manifest, "write", write)
    run("sft", work, EVERY)
    assert seen == [[12, 9, 6], [13, 12, 9]]
    assert [manifest.step(path) for path in manifest.checkpoints(work)] == [13, 12]
