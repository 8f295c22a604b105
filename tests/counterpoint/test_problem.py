import dataclasses

import pytest

from counterpoint import problem
from counterpoint.errors import UserError
from counterpoint.problem import Problem, digest

ONE = Problem(
    "s1", "p1", "mine", "count", "train", 2, "how many ?", (b"\x89PNG", b"second"), "3", "choice", ("3", "4"), "1 2 3",
    "three things", "count.0", ("plain",), '{"a": 1}',
)  # fmt: skip
TWO = Problem("s2", "p2", "mine", "grid", "probe", 1, "wo → 世界 ?", (), "a1", "text")


def test_a_row_and_a_file_give_the_problem_back(tmp_path):
    assert problem.from_row(ONE.row()) == ONE
    problem.write([TWO, ONE], tmp_path / "problems.parquet")
    assert problem.load(tmp_path / "problems.parquet") == [TWO, ONE]  # sorted by split: probe, train
    assert problem.read(tmp_path / "problems.parquet").schema.equals(problem.SCHEMA)


def test_the_file_is_the_same_bytes_in_any_order(tmp_path):
    problem.write([ONE, TWO], tmp_path / "a")
    problem.write([TWO, ONE], tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_load_by_split_and_by_id(tmp_path):
    file = tmp_path / "problems.parquet"
    three = dataclasses.replace(ONE, problem_id="p3")
    problem.write([ONE, TWO, three], file)
    assert problem.load(file, splits=["probe"]) == [TWO]
    assert problem.load(file, ids=["p3", "p1"]) == [three, ONE]
    with pytest.raises(UserError, match="1 wanted problems are missing, the first p2"):
        problem.load(file, splits=["train"], ids=["p1", "p2"])


def test_a_missing_or_broken_file_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        problem.load(tmp_path / "gone.parquet")
    (tmp_path / "broken.parquet").write_text("no parquet")
    with pytest.raises(UserError, match="not a problems file"):
        problem.load(tmp_path / "broken.parquet")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"question": " "}, "the question is empty"),
        ({"answer": "\n"}, "the answer is empty"),
        ({"answer_type": "essay"}, "answer_type is 'essay'"),
        ({"answer": "5"}, "'5' is not among the options"),
        ({"options": None}, "not among the options"),
    ],
)
def test_faults(change, said):
    bad = dataclasses.replace(ONE, **change)
    assert said in problem.fault(bad)
    with pytest.raises(UserError, match=r"here: row 1 \(p1\)"):
        problem.check([TWO, bad], "here")


def test_a_repeated_id_is_told():
    problem.check([ONE, TWO], "here")
    with pytest.raises(UserError, match=r"row 2 \(p1\): its problem_id occurs twice"):
        problem.check([ONE, TWO, ONE], "here")


def test_digests_stay_what_they_are():
    assert digest("count", 1, {"b": [1, 2], "a": "é"}) == digest("count", 1, {"a": "é", "b": (1, 2)})
    assert digest("a", "b") != digest("ab") and digest(1) != digest("1")
    assert digest("pinned", 1) == "0d0017b3d3c1813f"


def test_bytes_that_are_no_picture():
    from PIL import Image

    data = problem.encode_png(Image.new("L", (3, 2), 9))
    picture = problem.decode(data)
    assert picture.size == (3, 2) and picture.mode == "RGB"
    for broken in (b"", b"text", data[:30]):
        with pytest.raises(ValueError, match="not a readable image"):
            problem.decode(broken)
