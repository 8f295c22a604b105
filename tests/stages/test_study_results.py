"""Which study answers a question, and what the first line says of it."""

import json
import shutil
from pathlib import Path

import pytest

from counterpoint.errors import UserError
from counterpoint.files import read_yaml
from counterpoint.params import compose
from stages import compare, query, study_results, warehouse
from stages.study_results import StudyFiles, tables_of
from tests.fixtures_warehouse import write_fake_study

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A fake study `default` with its tables, and a published one beside it."""
    root = write_fake_study(tmp_path_factory.mktemp("places"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        warehouse.program([])
    of = study_results.PUBLISHED / "published"
    shutil.copytree(REPOSITORY / of, root / of, ignore=shutil.ignore_patterns("plots", "*.duckdb"))
    return root


@pytest.fixture
def root(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "root")
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


def change(**values) -> None:
    data = read_yaml(study_results.PARAMS) | values
    study_results.PARAMS.write_text(compose.dump(data))


def test_the_study_in_params_yaml_answers_and_says_so(root):
    found = tables_of(None)
    assert found.study == "default" and found.tables == StudyFiles("default").tables and found.made_here
    assert (
        found.head == "study default (metrics/default), newest work of 2026-01-01 00:00 UTC; params.yaml says so still"
    )


def test_what_changed_since_is_said(root):
    change(threads=3)
    assert tables_of(None).head.endswith(
        "params.yaml has changed since: threads=3; `make study` or `dvc repro` brings it up to date"
    )
    change(threads=1, tune={**read_yaml(study_results.PARAMS)["tune"], "trials": 99})  # no table follows from it
    assert tables_of(None).head.endswith("params.yaml says so still")
    change(study="quick")
    assert tables_of("default").head.endswith("; params.yaml holds the study quick now")
    study_results.PARAMS.write_text("{")
    assert "params.yaml cannot be read (params.yaml: not valid YAML" in tables_of("default").head


def test_without_results_here_the_published_ones_answer_and_say_so(root):
    change(study="quick")
    found = tables_of(None)
    assert found.tables == Path("metrics/published/published") and not found.made_here
    assert found.head.startswith("study published: 523 trained runs and 3 bases")
    assert found.head.endswith("the study 'quick' has no results here, `make study` makes them)")
    shutil.rmtree(root / "metrics/default")
    study_results.PARAMS.unlink()
    assert tables_of(None).study == "published"
    shutil.rmtree(root / "metrics/published")
    with pytest.raises(UserError, match="no results of the study None are here, nor published ones; run `make study`"):
        tables_of(None)


def test_a_study_is_asked_by_its_name_here_before_published(root):
    assert not tables_of("published").made_here
    shutil.copytree("metrics/default/tables", "metrics/published/tables")  # the study `published`, made here
    assert tables_of("published").tables == StudyFiles("published").tables
    assert not tables_of("published/published").made_here
    with pytest.raises(UserError, match=r"STUDY: no results of a study 'defalt'; did you mean 'default'\?"):
        tables_of("defalt")


def test_a_query_tells_its_study_first_and_csv_stays_clean(root, capsys):
    query.program(["select count(*) as n from runs"])
    assert capsys.readouterr().out.startswith("study default (metrics/default)")
    query.program(["select count(*) as n from runs", "--csv"])
    out, err = capsys.readouterr()
    assert out == "n\n5\n" and err.startswith("study default (metrics/default)")


def test_completions_that_another_study_has_trained_since_are_told(root, capsys):
    question = "select count(*) as n from completions"
    query.program([question])
    assert "note:" not in capsys.readouterr().err
    record = Path("data/runs/rl-small-2k-0/train/run.json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"study": "quick"}))
    query.program([question])
    assert "where 1 runs (rl-small-2k-0, …) are those of the study quick now" in capsys.readouterr().err


def test_the_headline_is_about_ten_numbers(root):
    def leaves(value):
        return sum(map(leaves, value.values())) if isinstance(value, dict) else 1

    told = json.loads(StudyFiles("default").headline.read_text())
    assert 8 <= leaves(told) <= 14 and told["runs"] == 4 and set(told["accuracy"]) == {"in_domain", "text_twin"}


def test_two_studies_are_set_side_by_side(root, capsys):
    compare.program(["default", "published"])
    out = capsys.readouterr().out
    assert out.startswith("A: study default (metrics/default)") and "\nB: study published: 523 trained runs" in out
    lines = out.splitlines()
    (row,) = (line.split() for line in lines if line.split()[:4] == ["rl", "small", "2k", "in_domain"])
    assert row[5] == "1" and row[7] == "3"
    difference = float(row[6].rstrip("%")) - float(row[4].rstrip("%"))
    assert float(row[8].replace("−", "-")) == pytest.approx(difference, abs=0.11)
    assert any(line.split()[:1] == ["capacity"] for line in lines)
    with pytest.raises(UserError, match="no results of a study 'quik'"):
        compare.program(["default", "quik"])
    (StudyFiles("default").tables / "findings.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"metrics/default/tables: not readable .*`dvc repro warehouse`"):
        compare.program(["default", "published"])
