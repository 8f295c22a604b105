"""Model cards, and the hand-over of a checkpoint to a stub of the hub."""

from __future__ import annotations

import json
import shutil

import pytest

from counterpoint.cli import run
from counterpoint.errors import UserError
from counterpoint.hub import push as hub


@pytest.fixture(scope="module")
def tables(root):
    """The folder of the published study."""
    return root / "metrics/published/published"


@pytest.fixture
def checkpoint(root, tmp_path):
    """A checkpoint in whose folder a pickle and a folder lie too."""
    folder = tmp_path / "rl-small"
    shutil.copytree(root / "data/models/base/tiny", folder)
    (folder / "optimizer.pt").write_bytes(b"\x80pickle")
    (folder / "runs").mkdir()
    return folder


class Stub:
    """What `push` needs of `huggingface_hub.HfApi`; remembers what it was given."""

    def __init__(self, refusal: Exception | None = None):
        self.refusal = refusal
        self.created, self.uploaded = {}, {}

    def create_repo(self, repository, **options):
        if self.refusal:
            raise self.refusal
        self.created[repository] = options
        return f"https://hub.example/{repository}"

    def create_commit(self, repository, operations, commit_message, repo_type):
        assert (repo_type, bool(commit_message)) == ("model", True)
        for operation in operations:
            with operation.as_file() as file:
                self.uploaded[f"{repository}/{operation.path_in_repo}"] = file.read()


def card_of(tables, checkpoint, run_id):
    """The card of a run."""
    return hub.card(hub.find_run(tables, run_id), tables, checkpoint, "me/model", "apache-2.0")


def test_a_card_says_what_was_trained_on_what_and_how_accurate_it_is(tables, checkpoint):
    text = card_of(tables, checkpoint, "sft_self-small-2k-13")
    row = hub.find_run(tables, "sft_self-small-2k-13")
    assert text.startswith('---\nlicense: "apache-2.0"\n')
    (commit,) = hub._rows(tables, "select distinct code_rev from timings where run_id = 'sft_self-small-2k-13'")
    for part in (
        "trained from `base-small` by the method `sft`", "| study, arm, seed | published, sft_self, 13 |",
        "| sample | 2k |", f"| trace set (what SFT imitates) | {row['trace_set']} |", f"{row['updates']:,}",
        '"learning_rate"', 'from_pretrained("me/model")', f"| code | {commit['code_rev']} |",
    ):  # fmt: skip
        assert part in text, part
    (accuracy,) = hub._rows(tables, "from accuracy where run_id = 'sft_self-small-2k-13' and suite = 'in_domain'"
                            " and condition = 'normal' and family = 'all'")  # fmt: skip
    shares = [f"{100 * accuracy[name]:.1f}" for name in ("accuracy", "low", "high", "majority")]
    assert f"| {accuracy['n']} | {shares[0]} % | {shares[1]} to {shares[2]} | {shares[3]} % |" in text


def test_a_run_of_every_arm_has_a_card(tables, checkpoint):
    arms = hub._rows(tables, "select min(run_id) as run_id from runs group by arm")
    assert len(arms) > 20
    for row in arms[::4]:
        assert "None" not in card_of(tables, checkpoint, row["run_id"])


def test_the_card_of_an_adapter_says_what_it_adapts(tables, checkpoint):
    (checkpoint / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "me/base"}))
    text = card_of(tables, checkpoint, "rl-small-2k-13")
    assert "library_name: peft" in text and 'from_pretrained("me/base")' in text


def test_a_checkpoint_is_loaded_as_its_card_says(tables, checkpoint):
    from transformers import PreTrainedModel

    text = hub.card(hub.find_run(tables, "base-small"), tables, checkpoint, str(checkpoint), "apache-2.0")
    names = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    assert isinstance(names["model"], PreTrainedModel)
    assert names["processor"].tokenizer.padding_side == "left"


def test_the_checkpoint_and_its_card_arrive_and_no_pickle(checkpoint):
    stub = Stub()
    assert hub.push(checkpoint, "a card", "me/model", True, stub) == "https://hub.example/me/model"
    assert stub.created == {"me/model": {"repo_type": "model", "private": True, "exist_ok": True}}
    names = {name.removeprefix("me/model/") for name in stub.uploaded}
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not names & {"optimizer.pt", "runs"}
    assert stub.uploaded["me/model/README.md"] == b"a card"
    assert stub.uploaded["me/model/model.safetensors"] == (checkpoint / "model.safetensors").read_bytes()


def test_what_the_hub_refuses_is_said_in_one_line(checkpoint):
    with pytest.raises(UserError, match=r"^me/model: the hub refused it \(no network here\); `hf auth login` signs in"):
        hub.push(checkpoint, "", "me/model", api=Stub(OSError("no network\nhere")))


def test_a_run_or_a_checkpoint_that_is_not_there(tables, tmp_path):
    with pytest.raises(UserError, match=r"no run 'base-smal'; did you mean 'base-small'\?"):
        hub.find_run(tables, "base-smal")
    with pytest.raises(UserError, match=r"no such checkpoint; `dvc checkout"):
        hub.files(tmp_path / "gone")
    with pytest.raises(UserError, match="no safetensors"):
        hub.files(tmp_path)


def test_a_dry_run_prints_the_card_and_sends_nothing(tables, checkpoint, capsys):
    run(["push", "base-small", "--tables", str(tables), "--checkpoint", str(checkpoint), "--dry-run"])
    shown = capsys.readouterr()
    assert shown.out.startswith("---\nlicense")
    assert "model.safetensors (" in shown.err and "optimizer.pt" not in shown.err
