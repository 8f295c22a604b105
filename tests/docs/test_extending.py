"""docs/extending.md, done: its files and lines go into a copy of the tree, and DVC reruns what the page says.

The study in the copy is miniature: one base `mini`, samples of 16 and 32. Stand-ins lie there for what stages make,
and DVC was told of them, so that it alone says what would run again. The last test runs it all.
"""

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import killing
import pytest
import yaml
from dvc.repo import Repo

from bench import idle
from counterpoint import params
from counterpoint.distill.written import written
from counterpoint.evaluation.traces import check
from counterpoint.files import read_yaml
from counterpoint.methods import METHODS
from counterpoint.params import compose
from counterpoint.prompt import completion_text
from counterpoint.sources import procedural, prove
from counterpoint.sources.families import FAMILIES
from counterpoint.suites import OWN, SUITES
from counterpoint.suites.suite import score
from counterpoint.suites.views import views

HERE = {"tiny_early": "mini", "tiny": "mini", "2k": '"16"'}  # what stands in for the page's own names
RECIPES = ("method", "reward term", "suite", "family of problems", "kind of traces")


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/extending.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def blocks(text: str) -> list[dict]:
    """The YAML of a section, in the words of the miniature study."""
    for name, own in HERE.items():
        text = re.sub(rf"\b{name}\b", own, text)
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def write_files(folder: Path, text: str) -> list[str]:
    """Put the files of a section into the tree and its lines into the registries; the files."""
    files = re.findall(r"`([\w/]+\.py)`, whole:\n\n```python\n(.*?)```", text, re.DOTALL)
    for path, content in files:
        assert not (folder / path).exists()
        (folder / path).write_text(content)
    for path, changes in re.findall(r"registry, `([\w/]+\.py)`:\n\n((?:```diff\n.*?```\n+)+)", text, re.DOTALL):
        for change in re.findall(r"```diff\n(.*?)```", changes, re.DOTALL):
            lines = change.splitlines(keepends=True)
            before, after = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
            registry = (folder / path).read_text()
            assert registry.count(before) == 1, f"{path}: {before}"
            (folder / path).write_text(registry.replace(before, after))
    return [path for path, _ in files]


def lay(data: dict, block: dict) -> None:
    """Add a block of the page to parameters, as a reader would."""
    for name in ("arms", "kinds"):
        data[name] |= block.get(name, {})
    data["runs"]["train"] += block.get("runs", {}).get("train", [])
    data["suites"] = block.get("suites", data["suites"])


def run(folder: Path, *command: str) -> None:
    """`python -m …` in the tree, which must succeed."""
    killing.command(folder, "python", "-m", *command, OMP_NUM_THREADS="1", DVC_NO_ANALYTICS="1")


@pytest.fixture(scope="module")
def tree(tmp_path_factory, root, mini_overlay):
    """A copy of the tree with the mini study composed."""
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    folder = killing.copy_tree(tmp_path_factory.mktemp("extending") / "tree")
    (folder / "studies/mini.yaml").write_text(mini_overlay, encoding="utf-8")
    run(folder, "counterpoint.params", "mini")
    return folder


@pytest.fixture(scope="module")
def finished(tree):
    """The same, every out of every stage being there and known to DVC."""
    base = tree / "data/models/base/mini"
    shutil.copytree(tree / "data/models/base/tiny", base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tree)
        idle.stand_in()
        assert stale() == set()
    return tree


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A copy of the finished study of a test's own, the working directory."""
    folder = shutil.copytree(finished, tmp_path / "tree", symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def stale() -> set[str]:
    """What `dvc status` names here."""
    with Repo(".") as repo:
        return set(repo.status())


def edit(folder: Path, change) -> None:
    """Change the parameters by a function and have the grid follow."""
    data = read_yaml(folder / "params.yaml")
    change(data)
    (folder / "params.yaml").write_text(compose.dump(data))
    run(folder, "counterpoint.params")


def promised(page: str, change: str) -> set[str]:
    """The stages that the page's table says `dvc status` names."""
    rows = [line.split("|")[1:-1] for line in section(page, "What each of these makes run again").splitlines()]
    (cells,) = (cells for cells in rows if cells and cells[0].strip() == change)
    return set(re.findall(r"`([\w@]+)`", cells[1]))


def add_to(text: str):
    """What lays a section's blocks on parameters."""
    return lambda data: [lay(data, block) for block in blocks(text)]


def with_line(**line):
    return lambda data: data["runs"]["train"].append({"arm": "sft", "model": "mini", "sample": "16", "seed": 0} | line)


def other_base(data: dict) -> None:
    data["models"]["other"] = "data/models/base/small"
    data["runs"]["base"].append("other")
    with_line(model="other", arm="rl", sample="32")(data)


CASES = {  # change: section of the page, or what is done to the parameters; the new names
    "a reward term, an arm paid by it, its run": ("A new reward term", "rl_brief-mini-16-0"),
    "a method, an arm, its run": ("A new method", "positive-mini-16-0"),
    "a seed of a run": (with_line(seed=7), "sft-mini-16-7"),
    "a kind of traces, an arm, its run": ("A new kind of traces", "sft_early-mini-16-0"),
    "another base for a run": (other_base, "rl-other-32-0"),
    "a suite that asks problems which are there": ("A new suite", None),
    "a family": ("A new family of problems", None),
}


@pytest.mark.parametrize("change", CASES)
def test_dvc_reruns_what_the_page_says(folder, page, change):
    what, new = CASES[change]
    if isinstance(what, str):
        text = section(page, what)
        write_files(folder, text)
        edited = bool(blocks(text))
        if edited:
            edit(folder, add_to(text))
    else:
        edited = True
        edit(folder, what)
    expected = {"check"} if edited else set()
    every = {stage.addressing for stage in Repo(".").index.stages}
    for name in promised(page, change):
        kind, _, item = name.partition("@")
        if item == "NEW":
            made = [one for one in every if one.startswith(f"{kind}@") and (new in one or kind == "distill")]
            expected |= {one for one in made if kind != "distill" or one == "distill@early-16" or "early" in one}
        elif item == "BASE":
            expected.add("evaluate@base-other")
        else:
            expected |= {one for one in every if one.partition("@")[0] == kind}
    assert stale() == expected


def test_an_edited_file_concerns_the_runs_that_use_it(folder, page):
    (folder / "counterpoint/rewards/format.py").open("a").write("# edited\n")
    paid = {f"train@{run}" for run in ("rl-mini-32-0", "sft_then_rl-mini-16-0", "chord_mu-mini-16-0")}
    assert stale() == paid | {"warehouse"}
    assert promised(page, "a reward term's file, edited") == {"train", "warehouse"}
    (folder / "counterpoint/methods/chord.py").open("a").write("# edited\n")
    (folder / "counterpoint/rewards/coin.py").open("a").write("# no run is paid by it\n")
    assert stale() == paid | {"warehouse"}
    assert promised(page, "a method's file, edited") == promised(page, "a number under `rl`") == {"train"}
    edit(folder, lambda data: data["rl"].update(learning_rate=0.5))
    assert stale() == paid | {"warehouse", "check"}


def test_the_arms_of_the_page_are_valid(root, page):
    data = compose.study("default", root / "studies")
    for block in re.findall(r"```yaml\n(.*?)```", section(page, "A new arm"), re.DOTALL):
        lay(data, yaml.safe_load(block))
    settings = params.parse(data)
    assert params.options(settings, "chord_slow").over == 1.0
    (block,) = (
        yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", section(page, "Turn an arm on"), re.DOTALL)
    )
    lay(data, block)
    assert params.parse(data).runs.trained["relift-tiny-2k-0"].traces == "oracle-2k"


@pytest.fixture
def loaded(page, tmp_path, monkeypatch):
    """A function that gives the module that a section shows."""

    def load(name: str, title: str):
        (source,) = re.findall(r"```python\n(.*?)```", section(page, title), re.DOTALL)
        (tmp_path / f"{name}.py").write_text(source)
        spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def positive(loaded, monkeypatch):
    """The page's method, loaded and registered."""
    module = loaded("positive", "A new method")
    monkeypatch.setitem(METHODS, module.METHOD.name, module.METHOD)
    return module


def test_its_advantages_lie_between_zero_and_the_limit(positive):
    import torch

    class Trainer:
        def _generate_and_score_completions(self, inputs):
            return {"advantages": torch.tensor([-1.0, 0.5, 3.0]), "other": inputs}

    trainer = positive.extend(Trainer, positive.Options(at_most=2.0), None)()
    output = trainer._generate_and_score_completions("as given")
    assert output["advantages"].tolist() == [0.0, 0.5, 2.0] and output["other"] == "as given"


def test_the_steps_of_its_family_are_read_and_its_other_style_is_right(loaded, monkeypatch):
    family = loaded("dots", "A new family of problems").FAMILY
    monkeypatch.setitem(FAMILIES, family.name, family)
    for index in range(40):
        draft, state, rng = procedural.draw(0, "train/in_domain", "train", "dots", index, 1 + index % 5, index % 2 == 1)
        problem = procedural.to_problem(draft, state, rng, "dots", "train", "plain")
        trace = check(problem, completion_text(problem.reasoning, problem.answer))
        assert [(step.kind, step.correct) for step in trace.steps] == [("perceive", True), ("compute", True)]
        assert trace.answer_follows
        assert check(problem, completion_text(problem.reasoning, "12")).answer_follows is False
        assert score(problem, written("foreign", [problem])[0]).correct
    world = list(procedural.problems(0, 24, 8, 4, procedural.Scope(("dots",))))
    prove(world, [name for name in OWN if name != "text_reasoning"], "dots")
    assert {p.family for p in world} == {"dots"}
    reasoned = [p for p in world if p.split == "train"]
    for problem, noisy in zip(reasoned, written("noisy", reasoned, 1.0), strict=True):
        assert False in [step.correct for step in check(problem, noisy).steps]


def test_its_suite_is_asked_and_judged_as_its_file_says(loaded, monkeypatch):
    suite = loaded("at_once", "A new suite").SUITE
    monkeypatch.setitem(SUITES, suite.name, suite)
    asked = [p for p in procedural.suite_problems(0, suite.split, 8) if suite.fits(p)]
    assert asked and all(view.text.endswith("answer only .") for view in views(asked, "think first .", suite))
    assert all(score(p, p.answer, suite).correct and not score(p, p.answer).parsed for p in asked)


@pytest.mark.slow
def test_every_recipe_followed_at_once_runs(tree, page, tmp_path):
    """Files, lines and parameters of every section, then one `dvc repro`."""
    folder = shutil.copytree(tree, tmp_path / "tree", symlinks=True)
    for place in ("data/problems", "data/samples", "data/runs", "data/models/base/mini", "dvc.lock", ".dvc/cache"):
        path = folder / place
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for stand_in in (folder / "data/models").glob("*-mini-*"):
        shutil.rmtree(stand_in)
    texts = [section(page, f"A new {name}") for name in RECIPES]
    for text in texts:
        write_files(folder, text)
    edit(folder, lambda data: [add_to(text)(data) for text in texts])
    # a teacher that gets some right
    shutil.copytree(folder / "data/models/base/tiny", folder / "data/models/base/mini")
    run(folder, "dvc", "repro")
    runs = folder / "data/runs"
    for name in ("positive-mini-16-0", "rl_brief-mini-16-0", "sft_early-mini-16-0"):
        assert json.loads((runs / name / "train/run.json").read_text())["status"] == "completed"
    import pyarrow.parquet as pq

    tables = folder / "metrics/mini/tables"
    assert "dots" in pq.read_table(tables / "problems.parquet", columns=["family"])["family"].to_pylist()
    assert "at_once" in pq.read_table(tables / "evals.parquet", columns=["suite"])["suite"].to_pylist()
    assert "brief" in pq.read_table(tables / "rewards.parquet", columns=["term"])["term"].to_pylist()
    assert "early" in pq.read_table(tables / "trace_sets.parquet", columns=["kind"])["kind"].to_pylist()
