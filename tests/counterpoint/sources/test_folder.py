import json
import os
from pathlib import Path

import pytest

from counterpoint import params, studies
from counterpoint.errors import UserError
from counterpoint.sources import folder, load

REALDATA = Path(os.environ.get("COUNTERPOINT_REALDATA", Path(__file__).parents[4] / "shared" / "realdata"))
STUDIES = Path(__file__).parents[3] / "studies"


def reasons(rejects):
    return [(r["file"], r["line"], r["reason"]) for r in rejects]


def test_good_rows_become_problems_with_their_bytes(rows, source, tmp_path):
    rows("shapes.jsonl", {"a": 9, "o": ["4", "9"]}, {"a": "9", "o": [4, 9.0]}, {"q": "<image>\nwhich  colour ?"})
    problems, rejects = folder.read(source())
    assert rejects == []
    assert [(p.answer, p.options, p.answer_type) for p in problems[:2]] == [
        ("9", ("4", "9"), "choice"),
        ("9", ("4", "9"), "choice"),
    ]
    assert problems[2].question == "which colour ?" and problems[2].family == "shapes" and problems[2].source == "mine"
    assert problems[0].images == ((tmp_path / "shapes0.png").read_bytes(),)


def test_each_bad_row_is_refused_with_file_line_and_reason(rows, source, tmp_path):
    (tmp_path / "text.png").write_text("this is no picture")
    rows(
        "deep/bad.jsonl",
        {},
        b'{"q": "half a ro',
        b"[1, 2]",
        {"i": "gone.png"},
        {"i": "../text.png"},
        {"a": " "},
        {"a": "green"},
        b'\xff{"q": 1}',
        b"[" * 100_000,
        {"i": None, "o": ["red", "red"]},
        {"o": {"x": 1}, "i": None},
        b'{"a": "red", "o": ["red"], "i": null}',
    )
    _, rejects = folder.read(source())
    found = {r["line"]: r["reason"] for r in rejects}
    assert {r["file"] for r in rejects} == {"deep/bad.jsonl"} and {r["source"] for r in rejects} == {"mine"}
    wanted = {
        2: "broken JSON", 3: "a JSON object is wanted", 4: "'gone.png' is missing", 5: "cannot be read",
        6: "the answer is empty", 7: "'green' is not among the options", 8: "not UTF-8", 9: "nested too deeply",
        10: "repeat", 11: "is no text or number", 12: "no column 'q'",
    }  # fmt: skip
    assert found.keys() == wanted.keys()
    assert all(text in found[line] for line, text in wanted.items()), found


@pytest.mark.parametrize("cell", ["../secret.png", "ABSOLUTE", "link.png", "a\0b.png", 7, {"path": "x"}, "x" * 5000])
def test_a_picture_outside_the_folder_or_no_path_is_refused(rows, source, tmp_path, png, cell):
    inside = tmp_path / "inside"
    inside.mkdir()
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    (inside / "link.png").symlink_to(secret)
    rows("inside/rows.jsonl", {"i": str(secret) if cell == "ABSOLUTE" else cell})
    problems, rejects = folder.read(source(path=str(inside)))
    assert problems == [] and len(rejects) == 1 and "its picture" in rejects[0]["reason"]


def test_a_picture_is_sought_beside_the_rows_then_from_the_folder(rows, source, tmp_path, png):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x.png").write_bytes(png())
    rows("sub/rows.jsonl", {"i": "images/x.png"}, {"i": ["images/x.png", "../images/x.png"]})
    problems, rejects = folder.read(source())
    assert rejects == [] and [len(p.images) for p in problems] == [1, 2]


def test_a_truncated_picture_is_refused(rows, source, tmp_path, png):
    (tmp_path / "half.png").write_bytes(png()[:40])
    rows("rows.jsonl", {"i": "half.png"})
    assert "cannot be read" in folder.read(source())[1][0]["reason"]


def test_duplicates_are_refused_by_own_id_and_by_content(rows, source, tmp_path, png):
    (tmp_path / "x.png").write_bytes(png())
    rows("rows.jsonl", {"n": 1}, {"n": 1}, {"n": 2})
    fields = {"question": "q", "answer": "a", "options": "o", "images": "i"}
    problems, rejects = folder.read(source(fields={**fields, "id": "n"}))
    assert [p.problem_id for p in problems] == ["1", "2"]
    assert [(r["line"], r["problem_id"]) for r in rejects] == [(2, "1")]
    rows("rows.jsonl", {"q": "same ?", "i": "x.png"}, {"q": "same ?", "i": "x.png"})
    problems, rejects = folder.read(source())
    assert len(problems) == 1 and "duplicate" in rejects[0]["reason"]
    assert rejects[0]["problem_id"] == problems[0].problem_id


def test_columns_are_joined_and_types_inferred(rows, source):
    rows(
        "r.jsonl",
        *({"a": a, "o": None, "e": "because", "d": d, "t": "words"} for a, d in (("-1,200", ""), (0.5, "so"))),
    )
    fields = {"question": "q", "answer": "a", "options": "o", "reasoning": ["e", "d"], "text_twin": "t"}
    one, two = folder.read(source(fields=fields))[0]
    assert (one.answer_type, one.reasoning, one.options, one.images) == ("integer", "because", None, ())
    assert (two.answer_type, two.reasoning, two.text_twin) == ("number", "because so", "words")


def test_a_gold_answer_that_the_judge_would_refuse_is_refused(rows, source):
    rows("r.jsonl", {"a": "x" * 300, "o": None}, {"a": "a</answer>b", "o": None})
    assert ["not judged correct" in r["reason"] for r in folder.read(source())[1]] == [True, True]


def test_json_arrays_and_csv(source, tmp_path):
    (tmp_path / "array.json").write_text(json.dumps([{"q": "1 ?", "a": 1}, 5, {"q": "2 ?", "a": 2}]))
    (tmp_path / "broken.json").write_text('[{"q": "1 ?"},')
    (tmp_path / "table.csv").write_text('q,a,o\n"3, or ?",3,"[3, 4]"\n4 ?,4\n5 ?,5,"[5,"\n')
    fields = {"question": "q", "answer": "a"}
    problems, rejects = folder.read(source(fields=fields, pattern="*.json"))
    assert [p.question for p in problems] == ["1 ?", "2 ?"]
    assert [r[:2] for r in reasons(rejects)] == [("array.json", 2), ("broken.json", None)]
    problems, rejects = folder.read(source(fields={**fields, "options": "o"}, pattern="*.csv"))
    assert [(p.question, p.options) for p in problems] == [("3, or ?", ("3", "4"))]
    assert [r["line"] for r in rejects] == [3, 4]


def test_a_picture_shared_with_a_held_out_family_is_refused(rows, source, tmp_path, png):
    (tmp_path / "x.png").write_bytes(png())
    rows("held.jsonl", {"i": "x.png"})
    rows("other.jsonl", {"i": "x.png"}, {})
    problems, rejects = folder.read(source(held_out_families=["held"]))
    assert [p.family for p in problems] == ["held", "other"]
    assert reasons(rejects) == [("other.jsonl", 1, "its picture occurs in the held-out family 'held'")]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"path": "nowhere"}, "source.path"),
        ({"pattern": "*.nothing"}, "source.pattern"),
        ({"pattern": "/etc/*"}, "source.pattern"),
        ({"pattern": ""}, "source.pattern"),
        ({"fields": {"question": "q", "anwser": "a"}}, "did you mean 'answer'"),
        ({"fields": {"question": "q"}}, "source.fields.answer is missing"),
        ({"fields": {"question": [], "answer": "a"}}, "source.fields.question"),
        ({"held_out_families": ["row"]}, "did you mean 'rows'"),
    ],
)
def test_a_wrong_mapping_is_the_users_error(rows, source, changes, named):
    rows("rows.jsonl", {})
    with pytest.raises(UserError, match=named):
        folder.read(source(**changes))


@pytest.mark.skipif(
    not (REALDATA / "puzzlevqa").is_dir(), reason=f"no puzzlevqa in {REALDATA}; set COUNTERPOINT_REALDATA"
)
def test_puzzlevqa_gives_300_problems_and_1700_rejects():
    data = studies.compose("puzzlevqa", STUDIES)
    data["source"]["path"] = str(REALDATA / "puzzlevqa")
    settings = params.parse(data)
    found, rejects = load(settings)
    problems = list(found)
    assert (len(problems), len(rejects)) == (300, 1700)
    assert all("is missing" in r["reason"] for r in rejects) and {r["line"] for r in rejects} == set(range(16, 101))
    assert len({p.family for p in problems}) == 20
    assert all(p.text_twin and p.reasoning and p.answer in p.options for p in problems)
    assert {p.family for p in problems if p.split == "rule_shift"} == set(settings.source.held_out_families)
    assert sum(p.split == "train" for p in problems) >= max(settings.sampling.sizes.values())
