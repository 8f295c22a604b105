import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint.errors import UserError
from counterpoint.sources import folder


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
    assert [picture.read() for picture in problems[0].images] == [(tmp_path / "shapes0.png").read_bytes()]


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
        2: "broken JSON", 3: "a JSON object is wanted", 4: "'gone.png' is missing", 5: "none of PNG",
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
    (tmp_path / "table.csv").write_text('q,a,o\n"3, or ?",3,"[3, 4]"\n4 ?,4\n5 ?,5,"[5,"\n')
    fields = {"question": "q", "answer": "a"}
    problems, rejects = folder.read(source(fields=fields, pattern="*.json"))
    assert [p.question for p in problems] == ["1 ?", "2 ?"]
    assert [r[:2] for r in reasons(rejects)] == [("array.json", 2)]
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
        ({"pattern": "*.nothing"}, "source.pattern"),
        ({"pattern": "/etc/*"}, "source.pattern"),
        ({"pattern": ""}, "source.pattern"),
        ({"held_out_families": ["row"]}, "did you mean 'rows'"),
    ],
)
def test_a_wrong_source_is_the_users_error(rows, source, changes, named):
    rows("rows.jsonl", {})
    with pytest.raises(UserError, match=named):
        folder.read(source(**changes))


def test_a_json_object_of_rows_is_read_as_rows_and_json_lines_as_lines(source, tmp_path):
    (tmp_path / "object.json").write_text(json.dumps({"1": {"q": "1 ?", "a": 1}, "2": {"q": "2 ?", "a": 2}}, indent=1))
    (tmp_path / "one.json").write_text('{"q": "3 ?", "a": 3}\n')
    problems, rejects = folder.read(source(fields={"question": "q", "answer": "a"}, pattern="*.json"))
    assert [(p.question, p.family) for p in problems] == [("1 ?", "object"), ("2 ?", "object"), ("3 ?", "one")]
    assert rejects == []


def test_parquet_with_pictures_within_or_beside(source, tmp_path, png):
    (tmp_path / "beside.png").write_bytes(png(2))
    cells = [{"bytes": png(1), "path": "any.png"}, {"bytes": None, "path": "beside.png"}, {"bytes": b"", "path": None}]
    table = pa.table({"q": ["1 ?", "2 ?", "3 ?"], "a": ["x", "y", "z"], "o": [None] * 3, "i": cells})
    pq.write_table(table, tmp_path / "rows.parquet")
    problems, rejects = folder.read(source(pattern="*.parquet"))
    assert [[picture.read() for picture in p.images] for p in problems] == [[png(1)], [png(2)]]
    assert [(r["file"], r["line"]) for r in rejects] == [("rows.parquet", 3)] and "0 bytes" in rejects[0]["reason"]


def test_a_file_of_rows_that_a_link_brings_in_is_refused(rows, source, tmp_path):
    rows("outside.jsonl", {})
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.jsonl").symlink_to(tmp_path / "outside.jsonl")
    with pytest.raises(UserError, match=r"link\.jsonl: it lies outside the source's folder"):
        folder.read(source(path=str(inside)))


def test_a_picture_file_larger_than_allowed_is_not_read(rows, source, tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(1 << 40)  # a sparse terabyte: reading it would fail loudly
    rows("rows.jsonl", {"i": "huge.png"})
    assert "more than the 1000000 of source.max_image_bytes" in folder.read(source())[1][0]["reason"]


def test_parts_say_which_rows_train_and_test(rows, source, png, tmp_path):
    (tmp_path / "x.png").write_bytes(png(77))
    rows("train.jsonl", {"v": "t"}, {"v": "t", "i": "x.png"}, {"v": "e"})
    rows("test.jsonl", {"v": "e", "i": "x.png"}, {"v": "u"})
    by_file = source(part="file", parts={"train": "train", "test": "in_domain"})
    problems, rejects = folder.read(by_file)
    assert [p.split for p in problems] == ["in_domain", "in_domain", "train", "train"]
    assert reasons(rejects) == [("train.jsonl", 2, "its picture or text occurs in the part that tests, 'in_domain'")]
    problems, rejects = folder.read(source(part="v", parts={"t": "train", "e": None}))
    assert [p.split for p in problems] == ["train", "train"]
    assert reasons(rejects) == [("test.jsonl", 2, "its part 'u' is not in source.parts; known are 't', 'e'")]


def test_rows_of_one_state_and_rows_that_share_a_picture_are_one_group(rows, source, png, tmp_path):
    (tmp_path / "x.png").write_bytes(png(77))
    rows("r.jsonl", {"s": "1-0"}, {"s": "1-1", "i": "x.png"}, {"s": "2-0", "i": "x.png"}, {"s": "3-0"}, {"s": "2-1"})
    fields = {"question": "q", "answer": "a", "options": "o", "images": "i"}
    state = {"column": "s", "with": "before_dash"}
    states = [p.state_id for p in folder.read(source(fields={**fields, "state": state}))[0]]
    assert states[0] == states[1] == states[2] == states[4] != states[3]
    assert len({p.state_id for p in folder.read(source(fields=fields))[0]}) == 4
