"""The studies of data sets on the hub, on local tables with exactly the columns and types that their cards publish.

What the rows hold is modelled on rows that the projects' own repositories show (docs/data.md); the data sets themselves
were not at hand.
"""

import json
from collections import Counter
from pathlib import Path

import datasets
import pytest
from datasets import Features, Image, List, Value

from counterpoint import params, suites
from counterpoint.errors import UserError
from counterpoint.params import compose
from counterpoint.sources import load, prove
from counterpoint.sources.converters import IN_THE_PICTURE
from counterpoint.suites import benchmarks

STUDIES = Path(__file__).parents[3] / "studies"
TEXT = Value("string")
POOL = Features({"images": List(Image()), "problem": TEXT, "answer": TEXT})
GEOMETRY3K = Features({**POOL, "id": Value("int64"), "choices": List(TEXT), "ground_truth": TEXT})
MATHVISTA = Features(
    {
        "pid": TEXT, "question": TEXT, "image": TEXT, "decoded_image": Image(), "choices": List(TEXT), "unit": TEXT,
        "precision": Value("float64"), "answer": TEXT, "question_type": TEXT, "answer_type": TEXT,
        "metadata": {
            "category": TEXT, "context": TEXT, "grade": TEXT, "img_height": Value("int64"), "img_width": Value("int64"),
            "language": TEXT, "skills": List(TEXT), "source": TEXT, "split": TEXT, "task": TEXT,
        },
        "query": TEXT,
    }
)  # fmt: skip
MATHVERSE = Features(
    {
        "sample_index": TEXT, "problem_index": TEXT, "problem_version": TEXT, "question": TEXT, "image": Image(),
        "answer": TEXT, "question_type": TEXT,
        "metadata": {"split": TEXT, "source": TEXT, "subject": TEXT, "subfield": TEXT},
        "query_wo": TEXT, "query_cot": TEXT, "question_for_eval": TEXT,
    }
)  # fmt: skip
MATHVISION = Features(
    {
        "id": TEXT, "question": TEXT, "options": List(TEXT), "image": TEXT, "decoded_image": Image(), "answer": TEXT,
        "solution": TEXT, "level": Value("int64"), "subject": TEXT,
    }
)  # fmt: skip


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """The suites of benchmarks, and the cache of `datasets` out of the user's way."""
    for suite in benchmarks.SUITES:
        monkeypatch.setitem(suites.SUITES, suite.name, suite)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def table(tmp_path):
    """Write rows as a data set on the hub lies there: Parquet by split, and a card that names the configuration."""

    def write(name: str, features: Features, splits: dict[str, list[dict]], config: str = "default") -> Path:
        folder = tmp_path / name
        (folder / "data").mkdir(parents=True)
        card = ["---", "configs:", f"- config_name: {config}", "  data_files:"]
        for split, rows in splits.items():
            blank = dict.fromkeys(features)
            data = datasets.Dataset.from_list([{**blank, **row} for row in rows], features=features)
            data.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
            card += [f"  - split: {split}", f"    path: data/{split}-*"]
        (folder / "README.md").write_text("\n".join([*card, "---", ""]))
        return folder

    return write


def local(study: str, path: Path, **changes) -> params.Params:
    """The study with its repository replaced by a local copy, and sizes that a few rows can fill."""
    data = compose.study(study, STUDIES)
    data["source"] |= {"repository": None, "path": str(path), "rejects_allowed": 0, **changes}
    data["problems"] |= {"per_suite": 4, "per_probe": 1}
    return params.parse(data)


def imported(settings: params.Params) -> tuple[dict, list[dict]]:
    found, rejects = load(settings)
    problems = list(found)
    prove(problems, [s for s in settings.suites if s == "in_domain" or settings.source.parts], "test")
    return {p.problem_id: p for p in problems}, rejects


def vista_rows(png) -> list[dict]:
    meta = {"task": "geometry problem solving", "split": "testmini", "skills": ["geometry reasoning"]}
    return [
        {"pid": "1", "question": "How far ?", "answer": "1.2", "precision": 1.0, "metadata": meta},
        {"pid": "2", "question": "what volume ?", "unit": "g", "answer": "1000", "metadata": {**meta, "task": "vqa"}},
        {"pid": "3", "question": "∠BOC＝（）", "choices": ["135°", "145°"], "answer": "145°", "metadata": meta},
        {"pid": "10", "question": "Which comes next?", "choices": ["A", "B"], "answer": "B", "metadata": meta},
    ]


def with_pictures(rows: list[dict], column: str, png, first: int = 0) -> list[dict]:
    return [{**row, column: {"bytes": png(first + n), "path": "x.jpg"}} for n, row in enumerate(rows)]


def test_geometry3k(table, png):
    def rows(first: int, answers: list[str]) -> list[dict]:
        return [
            {"images": [{"bytes": png(first + n), "path": None}], "problem": f"<image>Find $x_{first + n}$.",
             "answer": a, "id": first + n, "choices": [a, "99"], "ground_truth": "A"}
            for n, a in enumerate(answers)
        ]  # fmt: skip

    answers = ["3", r"2 \sqrt { 221 }", r"\frac{3}{2}", "12.5"]
    folder = table("g", GEOMETRY3K, {"train": rows(0, answers), "validation": rows(10, ["1"]), "test": rows(20, ["7"])})
    problems, rejects = imported(local("geometry3k", folder))
    assert rejects == [] and Counter(p.split for p in problems.values()) == {"train": 3, "probe": 1, "in_domain": 1}
    types = {p.answer: p.answer_type for p in problems.values()}
    assert types == {
        "3": "integer", answers[1]: "expression", answers[2]: "expression", "12.5": "number", "7": "integer"
    }  # fmt: skip
    assert all("<image>" not in p.question and p.options is None and len(p.images) == 1 for p in problems.values())


def test_mathvista(table, png):
    folder = table("v", MATHVISTA, {"testmini": with_pictures(vista_rows(png), "decoded_image", png)})
    problems, rejects = imported(local("mathvista", folder))
    assert rejects == [] and Counter(p.split for p in problems.values()) == {"probe": 1, "in_domain": 3}
    assert {i: (p.answer, p.answer_type, p.options) for i, p in problems.items()} == {
        "1": ("1.2", "number", None),
        "2": ("1000", "integer", None),
        "3": ("145°", "choice", ("135°", "145°")),
        "10": ("B", "choice", ("A", "B")),
    }
    assert problems["2"].question == "what volume ? (unit: g)" and problems["2"].family == "vqa"


def verse_rows() -> list[dict]:
    asked = "angle A = 80, then the size of angle CED is ()\nChoices:\nA:40°\nB:140°"
    rows = []
    for number in ("1", "2", "3"):
        for version in benchmarks.VERSIONS[:5]:
            blind = version == "Vision Only"
            rows.append(
                {
                    "sample_index": str(len(rows) + 1), "problem_index": number, "problem_version": version,
                    "question_type": "free-form" if number == "3" else "multi-choice",
                    "answer": "14" if number == "3" else "B",
                    "question": "" if blind else "Find L." if number == "3" else f"{number}: {asked}",
                    "question_for_eval": "Find L." if number == "3" else f"{number}: {asked}",
                    "metadata": {"split": "testmini", "source": "GeoQA", "subject": "Plane Geometry", "subfield": "x"},
                }
            )  # fmt: skip
    return rows


def test_mathverse_has_its_versions_as_suites(table, png):
    rows = with_pictures(verse_rows(), "image", png)
    settings = local("mathverse", table("m", MATHVERSE, {"testmini": rows}, "testmini"))
    problems, rejects = imported(settings)
    assert rejects == [] and len(problems) == 15
    names = {suite.name for suite in benchmarks.SUITES if suite.name.startswith("mathverse")}
    assert set(settings.suites) == names - {"mathverse_text_only"}
    assert Counter(p.split for p in problems.values()) == {"probe": 5, **dict.fromkeys(settings.suites, 2)}
    assert {len({p.split == "probe" for p in problems.values() if p.state_id == s}) for s in
            {p.state_id for p in problems.values()}} == {1}  # fmt: skip
    assert len({p.state_id for p in problems.values()}) == 3
    assert (problems["1"].answer, problems["1"].options) == ("140°", ("40°", "140°"))
    assert "Choices" not in problems["1"].question
    assert (problems["5"].question, problems["5"].answer, problems["5"].options) == (IN_THE_PICTURE, "B", ("A", "B"))
    assert (problems["15"].answer, problems["15"].options) == ("14", None)


def vision_rows() -> list[dict]:
    return [
        {"id": "4", "question": "How many digits?\n<image1>", "options": [], "answer": "6", "level": 1, "subject": "c"},
        {"id": "27", "question": "In which order?\n<image1>", "options": [r"$\Delta, \bullet$", r"$\bullet, \Delta$"],
         "answer": "A", "level": 5, "subject": "topology"},
        {"id": "26", "question": "When <image1> walks to <image2>?", "options": ["A", "B"], "answer": "B", "level": 1,
         "subject": "counting"},
        {"id": "59", "question": "Which side?\n<image4>", "options": [], "answer": "C", "level": 1, "subject": "solid"},
    ]  # fmt: skip


def test_mathvision(table, png):
    rows = with_pictures(vision_rows(), "decoded_image", png)
    problems, rejects = imported(local("mathvision", table("v", MATHVISION, {"test": rows, "testmini": rows[:1]})))
    assert rejects == [] and len(problems) == 4
    assert {i: (p.answer, p.answer_type) for i, p in problems.items()} == {
        "4": ("6", "integer"), "27": (r"$\Delta, \bullet$", "choice"), "26": ("B", "choice"), "59": ("C", "text")
    }  # fmt: skip
    assert problems["26"].question == "When walks to ?" and problems["27"].difficulty == 5


MATH500 = {
    "problem": "Convert $(0,3)$.", "solution": r"We have $\boxed{\left( 3, \frac{\pi}{2} \right)}$.",
    "answer": r"\left( 3, \frac{\pi}{2} \right)", "subject": "Precalculus", "level": 2,
}  # fmt: skip


def test_math500_from_its_json_lines(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    rows = [{**MATH500, "problem": f"{n} ?", "unique_id": f"test/{n}.json"} for n in range(3)]
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    problems, rejects = imported(local("math500", folder))
    assert rejects == [] and Counter(p.split for p in problems.values()) == {"probe": 1, "in_domain": 2}
    one = problems["test/0.json"]
    assert (one.answer_type, one.answer, one.images, one.family) == ("expression", MATH500["answer"], (), "Precalculus")


def gsm8k_rows(number: int) -> list[dict]:
    return [
        {"question": f"{n} + 1 ?", "answer": f"{n}+1=<<{n}+1={n + 1}>>{n + 1}\n#### {n + 1}"} for n in range(number)
    ]


def test_gsm8k_from_the_hub(table):
    features = Features({"question": TEXT, "answer": TEXT})
    folder = table("g", features, {"train": gsm8k_rows(9)[3:], "test": gsm8k_rows(3)}, "main")
    settings = local("gsm8k", folder, kind="hub", config="main", split="train+test")
    problems, rejects = imported(settings)
    assert rejects == [] and Counter(p.split for p in problems.values()) == {"train": 5, "probe": 1, "in_domain": 3}


def test_the_papers_pool_with_its_benchmarks(table, png, tmp_path):
    trace = r"First the angle, then the rest: \boxed{{{}}}"
    pool = [
        {"images": [{"bytes": png(100 + n), "path": None}], "problem": f"<image>Find side {n}.", "answer": answer}
        for n, answer in enumerate([trace.format(n) for n in range(6)] + ["no answer in a box"])
    ]
    pool[0]["images"][0]["bytes"] = png(0)  # MathVista's first picture: such a row may not be trained on
    data = compose.study("paper", STUDIES)
    (tmp_path / "math500").mkdir()
    (tmp_path / "math500" / "test.jsonl").write_text("\n".join(
        json.dumps({**MATH500, "problem": f"{n} ?", "unique_id": f"test/{n}.json"}) for n in range(3)
    ))  # fmt: skip
    paths = {
        "mathvista": table("v", MATHVISTA, {"testmini": with_pictures(vista_rows(png), "decoded_image", png)}),
        "mathverse": table("m", MATHVERSE, {"testmini": with_pictures(verse_rows(), "image", png, 20)}, "testmini"),
        "mathvision": table("i", MATHVISION, {"test": with_pictures(vision_rows(), "decoded_image", png, 50)}),
        "gsm8k": table("g", Features({"question": TEXT, "answer": TEXT}), {"test": gsm8k_rows(3)}, "main"),
        "math500": tmp_path / "math500",
    }
    for name, path in paths.items():
        data["source"]["benchmarks"][name] |= {"repository": None, "path": str(path)}
    data["source"] |= {"repository": None, "path": str(table("p", POOL, {"train": pool}))}
    data["problems"] |= {"per_suite": 2, "per_probe": 1}
    settings = params.parse(data)
    found, rejects = load(settings)
    problems = list(found)
    prove(problems, settings.suites, "paper")
    assert [r["reason"] for r in rejects] == [
        r"it has no \boxed{…}", "its picture or text occurs in the benchmark 'mathvista'"
    ]  # fmt: skip
    counts = Counter(p.split for p in problems)
    assert counts["train"] == 2 and {counts[suite] for suite in settings.suites} == {2}
    one = next(p for p in problems if p.split == "train")
    assert one.reasoning == trace.format(one.answer) and one.answer_type == "integer"
    assert {p.source for p in problems if p.split == "gsm8k"} == {"gsm8k"}


def test_every_study_of_the_hub_wants_its_commits():
    for study in ("geometry3k", "mathvista", "mathverse", "mathvision", "math500", "paper"):
        with pytest.raises(UserError, match=r"source\.revision of .* is None; set it to a commit"):
            load(params.parse(compose.study(study, STUDIES)))


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({}, r"benchmarks\.mathvista\.fields is missing"),
        ({"fields": {"question": "q", "answer": "a"}, "parts": {"all": "train"}}, "never train"),
        ({"fields": {"question": "q", "answer": "a"}, "colour": 1}, "unknown key .*colour"),
    ],
)
def test_a_wrong_benchmark_is_the_users_error(table, png, keys, named):
    folder = table("v", MATHVISTA, {"testmini": with_pictures(vista_rows(png), "decoded_image", png)})
    with pytest.raises(UserError, match=named):
        load(local("mathvista", folder, benchmarks={"mathvista": keys}))
