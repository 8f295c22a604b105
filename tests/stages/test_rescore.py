"""`python -m stages.rescore`: changes are listed, nothing is written unasked, and no model is needed."""

import os
import re
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from counterpoint import tables
from counterpoint.errors import UserError
from counterpoint.evaluation import rescore as rescoring
from counterpoint.suites import suite
from stages import evaluate, rescore
from stages.common import eval_folder, train_folder
from tests.fixtures_warehouse import write_fake_study


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, mini_data, mini_overlay, root, micro_folder):
    """The mini study, small, with its base evaluated."""
    from counterpoint.params import compose

    folder = tmp_path_factory.mktemp("rescored")
    shutil.copytree(mini_data / "data", folder / "data")
    shutil.copytree(micro_folder, folder / "data/models/base/mini")
    (folder / "studies").mkdir()
    shutil.copy(root / "studies/default.yaml", folder / "studies/default.yaml")
    (folder / "studies/mini.yaml").write_text(mini_overlay)
    compose.write("mini", ["suites=[in_domain, text_twin]"], folder / "params.yaml", folder / "studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("COUNTERPOINT_WORK", raising=False)
        evaluate.program(["base-mini"])
    return folder


@pytest.fixture
def mini(evaluated, tmp_path, monkeypatch):
    """A copy of it as the working folder."""
    folder = tmp_path / "mini"
    shutil.copytree(evaluated, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """The fake study as the working folder; its verdicts are made up, so many of them change."""
    monkeypatch.chdir(write_fake_study(tmp_path / "fake"))


def files() -> dict:
    return {path: path.read_bytes() for path in sorted(eval_folder("base-mini").iterdir())}


def tamper(number: int) -> list[dict]:
    """Give `number` rows of the base another verdict than the judge's; the rows as they were."""
    path = eval_folder("base-mini") / "evals.parquet"
    rows = pq.read_table(path).to_pylist()
    changed = [{**row, "correct": not row["correct"]} if i < number else row for i, row in enumerate(rows)]
    tables.write("evals", changed, path)
    return rows


def test_honest_verdicts_do_not_change_and_nothing_is_written(mini, capsys):
    before = files()
    rescore.program(["base-mini", "--write"])
    rows = pq.read_table(eval_folder("base-mini") / "evals.parquet").num_rows
    said = capsys.readouterr().out
    assert said == (
        f"{rows} completions judged again: 0 verdicts changed, 0 from wrong to right, 0 from right to wrong\n"
    )
    assert files() == before


def test_changes_are_listed_and_nothing_is_written_unasked(mini, capsys):
    rows = tamper(3)
    before = files()
    rescore.program(["base-mini"])
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 5 and "3 verdicts changed, " in said[3] and said[4].startswith("nothing was written")
    for line, row in zip(said[:3], rows, strict=False):
        old, new = not row["correct"], row["correct"]
        assert line.startswith(f"base-mini {row['suite']} {row['condition']} {row['decoding']} {row['problem_id']} ")
        assert f": correct {old} → {new} (" in line
    assert files() == before


def test_written_it_is_what_evaluating_again_gives(mini, capsys, monkeypatch):
    """After a change of the judge: the same bytes from `--write` as from the stage itself."""
    strict = suite.judge
    monkeypatch.setattr(
        suite, "judge", lambda said, *_: strict(f"<think></think><answer>{len(said) % 2}</answer>", "1", "integer")
    )
    before = files()
    rescore.program(["base-mini", "--write"])
    said = capsys.readouterr().out
    assert "dvc commit --force evaluate@base-mini && dvc repro --single-item warehouse" in said
    written = files()
    assert written != before
    monkeypatch.setattr(evaluate, "_load", lambda *_: pytest.fail("a model was loaded"))
    evaluate.program(["base-mini"])
    again = files()
    assert {p for p in again if p.stem != "timings"} == {p for p in written if p.stem != "timings"}
    assert all(again[p] == written[p] for p in again if p.stem == "evals")
    turned = [int(n) for n in re.findall(r"(\d+) from", said)]
    assert sum(turned) > 10


def test_no_model_and_no_torch_is_needed(mini, root):
    shutil.rmtree(mini / "data/models")
    shutil.rmtree(mini / "work")
    tamper(1)
    code = (
        "import sys\nfrom stages.rescore import program\nprogram(['base-mini', '--write'])\n"
        "print(sorted({'torch', 'transformers', 'trl', 'datasets'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=mini, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]" and "1 verdicts changed" in done.stdout


def test_the_whole_grid_is_judged_and_completions_only_when_asked(fake, capsys):
    rescore.program([])
    plain = int(re.search(r"(\d+) completions judged again", capsys.readouterr().out)[1])
    runs = ("base-small", "sft-small-2k-0", "rl-small-2k-0", "rl-small-20k-0", "sft_then_rl-small-2k-0")
    assert plain == sum(pq.read_metadata(eval_folder(r) / "evals.parquet").num_rows for r in runs)
    trained = {r: train_folder(r) / "completions.parquet" for r in runs[2:]}
    before = {r: path.read_bytes() for r, path in trained.items()}
    rescore.program([*trained, "--completions", "--write"])
    both = int(re.search(r"(\d+) completions judged again", capsys.readouterr().out)[1])
    assert both == sum(
        pq.read_metadata(path).num_rows for r in trained for path in (trained[r], eval_folder(r) / "evals.parquet")
    )
    assert {r: path.read_bytes() for r, path in trained.items()} == before  # rewards were paid; they stay


def test_a_long_list_is_cut_and_counted(fake, capsys, monkeypatch):
    monkeypatch.setattr(rescore, "SHOWN", 2)
    rescore.program(["base-small"])
    said = capsys.readouterr().out.splitlines()
    changed = int(re.search(r"(\d+) verdicts changed", said[3])[1])
    assert changed > 2 and said[2].endswith(f"evals.parquet: {changed - 2} more")


def test_the_totals_are_those_of_the_changes(fake, capsys):
    path = eval_folder("sft-small-2k-0") / "evals.parquet"
    rescore.program(["sft-small-2k-0"])
    said = capsys.readouterr().out
    from counterpoint import problem
    from stages.common import PROBLEMS

    known = {p.problem_id: p for p in problem.load(PROBLEMS)}
    changes = [change for _, change in rescoring.rescore(pq.read_table(path).to_pylist(), known) if change]
    right = sum(c.turned and c.after["correct"] for c in changes)
    wrong = sum(c.turned and not c.after["correct"] for c in changes)
    assert f"{len(changes)} verdicts changed, {right} from wrong to right, {wrong} from right to wrong" in said


@pytest.mark.parametrize(
    ("arguments", "spoil", "said"),
    [
        (["base-smal"], None, r"params.yaml: no run 'base-smal' in runs; did you mean 'base-small'\?"),
        (["base-small"], lambda p: p.unlink(), r"base-small/eval/evals.parquet: no such file; run `dvc repro`"),
        (
            ["base-small"],
            lambda p: p.write_bytes(b"PAR1 no"),
            r"evals.parquet: not a readable table .*; run `dvc repro`",
        ),
        (
            ["base-small"],
            lambda p: tables.write("evals", [{"problem_id": "p-x", "completion": "", "run_id": "base-small"}], p),
            r"evals.parquet: problem 'p-x' is not in data/problems/problems.parquet; run `dvc repro`",
        ),
    ],
)
def test_a_mistake_is_one_line(fake, arguments, spoil, said):
    if spoil:
        spoil(eval_folder("base-small") / "evals.parquet")
    with pytest.raises(UserError, match=said) as caught:
        rescore.program(arguments)
    assert "\n" not in str(caught.value)
