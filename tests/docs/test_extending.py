"""docs/extending.md, done: its file is a method, its line turns it on, and a run of it trains."""

import copy
import importlib.util
import re
import sys

import pytest
import yaml

from counterpoint import params, studies
from counterpoint.errors import UserError
from counterpoint.methods import METHODS


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/extending.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def blocks(page):
    """The code of the page, by language, in order."""
    found = {"yaml": [], "python": []}
    for language, code in re.findall(r"```(yaml|python)\n(.*?)```", page, re.DOTALL):
        found[language].append(code)
    return found


@pytest.fixture
def positive(page, blocks, tmp_path, monkeypatch):
    """The page's method in the registry, as its line puts it there."""
    path = tmp_path / "positive.py"
    path.write_text(blocks["python"][0])
    spec = importlib.util.spec_from_file_location("positive", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "positive", module)
    spec.loader.exec_module(module)
    assert "`positive.METHOD,`" in page
    monkeypatch.setitem(METHODS, module.METHOD.name, module.METHOD)
    return module


def with_lines(root, text: str) -> dict:
    """The default study with the lines of a block added."""
    data = copy.deepcopy(studies.compose("default", root / "studies"))
    added = yaml.safe_load(text)
    data["arms"] |= added.get("arms", {})
    data["runs"]["train"] += added.get("runs", {}).get("train", [])
    return data


def test_one_line_turns_an_arm_on(root, blocks):
    settings = params.parse(with_lines(root, blocks["yaml"][0]))
    assert settings.runs.trained["relift-tiny-2k-0"].traces == "oracle-2k"


def test_the_arms_of_the_page_are_valid(root, blocks):
    settings = params.parse(with_lines(root, blocks["yaml"][1]))
    assert params.options(settings, "chord_slow").over == 1.0


def test_the_method_of_the_page_is_turned_on_and_trains(root, blocks, positive, mini, micro_folder):
    import json
    import shutil

    import pyarrow.parquet as pq

    from stages import train

    settings = params.parse(with_lines(root, blocks["yaml"][2]))
    assert params.method(settings, "positive") is positive.METHOD
    with pytest.raises(UserError, match="at_most must be above 0"):
        params.parse(with_lines(root, blocks["yaml"][2].replace("2.0", "0")))
    folder = mini()
    data = yaml.safe_load((folder / "params.yaml").read_text())
    data["arms"]["positive"] = yaml.safe_load(blocks["yaml"][2])["arms"]["positive"]
    data["runs"]["train"].append({"arm": "positive", "model": "mini", "sample": "32", "seed": 0})
    (folder / "params.yaml").write_text(yaml.safe_dump(data))
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    train.program(["positive-mini-32-0"])
    made = folder / "data/runs/positive-mini-32-0/train"
    assert json.loads((made / "run.json").read_text())["method"] == "positive"
    assert pq.read_table(made / "completions.parquet").num_rows


def test_its_advantages_lie_between_zero_and_the_limit(positive):
    import torch

    class Trainer:
        def _generate_and_score_completions(self, inputs):
            return {"advantages": torch.tensor([-1.0, 0.5, 3.0]), "other": inputs}

    trainer = positive.extend(Trainer, positive.Options(at_most=2.0), None)()
    output = trainer._generate_and_score_completions("as given")
    assert output["advantages"].tolist() == [0.0, 0.5, 2.0] and output["other"] == "as given"
