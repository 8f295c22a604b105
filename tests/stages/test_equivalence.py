"""The program `stages.equivalence` on a fake study of both engines: its verdicts, and what it refuses."""

import json
import re
import shutil
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from counterpoint import params
from counterpoint.errors import UserError
from counterpoint.params import compose
from stages import common, equivalence, query, warehouse
from tests.fixtures_warehouse import REPOSITORY, write_fake_study

SEEDS = (0, 1, 2)


def study() -> dict:
    return compose.study("engines", REPOSITORY / "studies")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A fake run of every run of the study, with the engine and the settings that its arm asks for."""
    root = write_fake_study(tmp_path_factory.mktemp("engines"), study()["runs"], "engines")
    for path in root.glob("data/runs/rl*/train/run.json"):
        run = json.loads(path.read_text())
        run["engine"] = "stock" if run["arm"] == "rl_stock" else "shared"
        run["params_json"] = json.dumps({"rl": {"learning_rate": 1e-4, "engine": run["engine"]}})
        path.write_text(json.dumps(run))
    return root


@pytest.fixture
def root(written, tmp_path, monkeypatch):
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(root, run_id: str, **values) -> None:
    path = root / f"data/runs/{run_id}/train/run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def said(capsys, *arguments: str) -> str:
    equivalence.program(list(arguments))
    return capsys.readouterr().out


def refused(*arguments: str) -> str:
    with pytest.raises(UserError) as caught:
        equivalence.program(list(arguments))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_study_trains_both_engines_on_three_seeds_and_changes_nothing_else():
    settings = params.parse(study())
    assert set(settings.runs.trained) == {f"{arm}-tiny-2k-{seed}" for arm in ("rl", "rl_stock") for seed in SEEDS}
    shared, stock = (vars(params.settings(settings, arm)) for arm in ("rl", "rl_stock"))
    assert (shared["engine"], stock["engine"]) == ("shared", "stock")
    assert {**shared, "engine": ""} == {**stock, "engine": ""} == {**vars(settings.rl), "engine": ""}


def test_few_answers_are_inconclusive_and_say_how_many_seeds_it_would_take(root, capsys):
    warehouse.program([])
    text = said(capsys)
    assert "rl (engine shared) less rl_stock (engine stock); they differ in engine" in text
    assert "verdict: inconclusive (margin ± 5 points)" in text
    assert len(re.findall(r"(\d+ seeds|more than a thousand seeds)", text.partition("verdict")[2])) == 2
    query.program(["select seed, arm, 100 * accuracy from accuracy where suite = 'in_domain' and family = 'all' "
                   "and condition = 'normal' and method = 'rl' order by seed, arm", "--csv"])  # fmt: skip
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
    mean = 0.0
    for seed in SEEDS:
        shared, stock = (float(value) for number, _, value in rows if number == str(seed))
        assert f"seed {seed}: {shared:.1f} % less {stock:.1f} % = {shared - stock:+.1f}" in text
        mean += (shared - stock) / len(SEEDS)
    assert f"mean difference {mean:+.1f} points" in text
    assert "verdict: equivalent" in said(capsys, "--margin", "99")
    query.program(["engines"])
    assert re.search(r"in_domain +2 +stock +rl_stock", capsys.readouterr().out)


def test_the_same_answers_are_equivalent_and_opposite_ones_are_not(root, capsys):
    for seed in SEEDS:
        evals = pq.read_table(root / f"data/runs/rl-tiny-2k-{seed}/eval/evals.parquet")
        renamed = evals.set_column(0, "run_id", pa.array([f"rl_stock-tiny-2k-{seed}"] * len(evals)))
        pq.write_table(renamed, root / f"data/runs/rl_stock-tiny-2k-{seed}/eval/evals.parquet")
    warehouse.program([])
    text = said(capsys, "--confidence", "95")
    assert "95 % interval +0.0 to +0.0" in text and "verdict: equivalent" in text and "would show" not in text
    for arm, right in (("rl", True), ("rl_stock", False)):
        for seed in SEEDS:
            path = root / f"data/runs/{arm}-tiny-2k-{seed}/eval/evals.parquet"
            evals = pq.read_table(path)
            place = evals.schema.get_field_index("correct")
            all_alike = pc.fill_null(pa.nulls(len(evals), pa.bool_()), right)
            pq.write_table(evals.set_column(place, "correct", all_alike), path)
    warehouse.program([])
    text = said(capsys)
    assert "mean difference +100.0 points" in text and "verdict: not equivalent" in text


def test_an_engine_that_fell_back_is_not_compared_with_itself(root):
    for seed in SEEDS:
        change(root, f"rl-tiny-2k-{seed}", engine="stock")
    warehouse.program([])
    assert "both on the engine 'stock'" in refused()


def test_arms_that_differ_in_more_than_the_engine_are_told(root, capsys):
    for seed in SEEDS:
        change(root, f"rl-tiny-2k-{seed}", params_json='{"rl": {"learning_rate": 0.5, "engine": "shared"}}')
    warehouse.program([])
    assert "they differ in engine, learning_rate" in said(capsys)


def test_mistakes_are_refused_in_one_line(root, capsys, monkeypatch):
    warehouse.program([])
    assert "no run of arm 'rl_stok'; did you mean 'rl_stock'?" in refused("--arms", "rl", "rl_stok")
    assert "did you mean 'in_domain'" in refused("--suite", "indomain")
    for value in ("0", "-1", "nan", "inf"):
        assert "--margin" in refused(f"--margin={value}")
    for value in ("100", "49", "nan"):
        assert "--confidence" in refused("--confidence", value)
    monkeypatch.setattr(sys, "argv", ["stages.equivalence", "--arms", "rl", "nothing"])
    with pytest.raises(SystemExit) as ended:
        common.main(equivalence.program)
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_one_seed_is_not_enough(root):
    data = study()
    data["runs"]["train"][0]["seeds"] = [1]
    (root / "params.yaml").write_text(compose.dump(data), encoding="utf-8")
    warehouse.program([])
    assert "no two seeds of one model and sample in common" in refused()


def test_runs_that_were_asked_other_problems_are_refused():
    rows = [{"problem_id": i, "cluster_id": i, "correct": True} for i in "ab"]
    answers = {"x": rows, "y": rows, "z": rows[:1]}
    with pytest.raises(UserError, match="z was not asked what x was"):
        equivalence.differences([({"run_id": "x"}, {"run_id": "y"}), ({"run_id": "x"}, {"run_id": "z"})], answers)
