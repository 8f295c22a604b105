"""A shipped base that is not as in git is told before anything is computed, with the command that restores it."""

import subprocess
from pathlib import Path

import pytest

from counterpoint.errors import UserError
from stages import shipped

WEIGHTS = shipped.BASES / "tiny/model.safetensors"


def git(*arguments):
    subprocess.run(["git", *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("tiny/model.safetensors", "tiny/config.json", "a b/config.json"):
        (shipped.BASES / name).parent.mkdir(parents=True, exist_ok=True)
        (shipped.BASES / name).write_bytes(bytes(range(64)))
    git("init", "-q")
    git("add", ".")
    shipped.check()
    return tmp_path


def test_one_flipped_bit_is_told(checkout):
    content = bytearray(WEIGHTS.read_bytes())
    content[32] ^= 1
    WEIGHTS.write_bytes(content)
    with pytest.raises(UserError) as told:
        shipped.check()
    assert str(told.value).startswith(f"{WEIGHTS} is not as in git; `git checkout -- {WEIGHTS.parent}` restores it")
    subprocess.run(f"git checkout -q -- {WEIGHTS.parent}", shell=True, check=True)
    shipped.check()


def test_a_missing_file_is_told(checkout):
    WEIGHTS.unlink()
    with pytest.raises(UserError, match=r"model\.safetensors is missing; `git checkout"):
        shipped.check()


def test_what_make_base_made_counts_once_it_is_added(checkout):
    WEIGHTS.write_text("trained anew")
    with pytest.raises(UserError, match=f"git add {WEIGHTS.parent}"):
        shipped.check()
    git("add", str(WEIGHTS.parent))
    shipped.check()


def test_a_base_of_ones_own_and_a_touched_file_are_let_be(checkout):
    (shipped.BASES / "mine").mkdir()
    (shipped.BASES / "mine/model.safetensors").write_text("mine")
    Path(WEIGHTS).touch()
    shipped.check()


def test_without_git_nothing_is_shipped(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    WEIGHTS.write_text("other")
    shipped.check()
