import dataclasses
import random
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterpoint import problem
from counterpoint.errors import UserError
from counterpoint.problem import Picture, Problem, digest

SHOWN = (Picture.of(b"\x89PNG"), Picture.of(b"second"))
ONE = Problem(
    "s1", "p1", "mine", "count", "train", 2, "how many ?", SHOWN, "3", "choice", ("3", "4"), "1 2 3",
    "three things", "count.0", ("plain",), '{"a": 1}',
)  # fmt: skip
TWO = Problem("s2", "p2", "mine", "grid", "probe", 1, "wo → 世界 ?", (), "a1", "text")


def test_a_row_and_a_file_give_the_problem_back(tmp_path):
    problem.write([TWO, ONE], tmp_path / "problems.parquet")
    assert problem.load(tmp_path / "problems.parquet") == [TWO, ONE]  # sorted by split: probe, train
    assert pq.read_schema(tmp_path / "problems.parquet").equals(problem.SCHEMA)


def test_the_file_is_the_same_bytes_in_any_order(tmp_path):
    problem.write([ONE, TWO], tmp_path / "a")
    problem.write([TWO, ONE], tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def large(number: int, size: int) -> list[Problem]:
    """Problems of `number` states, each with a picture of `size` bytes of its own."""
    pictures = [Picture.of(bytes([place]) * size) for place in range(number)]
    return [dataclasses.replace(TWO, problem_id=f"p{n:03}", images=(shown,)) for n, shown in enumerate(pictures)]


def test_small_pictures_lie_as_one_table_is_written_and_large_ones_a_few_to_a_row_group(tmp_path):
    small = [dataclasses.replace(ONE, problem_id=f"p{n:05}") for n in range(problem.GROUP_ROWS + 5)]
    problem.write(small, tmp_path / "small")
    table = pa.Table.from_pylist([p.row() for p in small], problem.SCHEMA)
    pq.write_table(table, tmp_path / "whole", compression="zstd", row_group_size=4096)
    assert (tmp_path / "small").read_bytes() == (tmp_path / "whole").read_bytes()
    problem.write(large(9, problem.GROUP_BYTES // 2), tmp_path / "large")
    found = pq.ParquetFile(tmp_path / "large").metadata
    assert [found.row_group(n).num_rows for n in range(found.num_row_groups)] == [2, 2, 2, 2, 1]


def test_pictures_stay_in_the_file_until_they_are_asked_for_and_few_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(problem, "KEPT", 3 << 20)
    made = large(32, 1 << 20)
    problem.write(made, tmp_path / "p")
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    problems = problem.load(tmp_path / "p")
    order = random.Random(0).sample(range(32), 32)
    for place in order:
        assert problems[place].images[0].read() == made[place].images[0].read()
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < 8 << 20
    assert [p.images[0].sha256 for p in problems] == [p.images[0].sha256 for p in made]


def test_a_file_may_be_written_over_while_its_pictures_are_read(tmp_path):
    problem.write(large(3, 9), tmp_path / "p")
    problems = problem.load(tmp_path / "p")
    problem.write([dataclasses.replace(p, problem_id=p.problem_id[::-1]) for p in problems], tmp_path / "p")
    assert [p.images for p in problem.load(tmp_path / "p")] == [p.images for p in problems]
    assert [file.name for file in tmp_path.iterdir()] == ["p"]


def test_pictures_are_equal_by_their_bytes():
    one, same, other = Picture.of(b"1"), Picture(lambda: b"1"), Picture.of(b"2")
    assert one == same != other and len({one, same, other}) == 2 and one != b"1"


def test_what_was_made_is_kept_where_it_is_small():
    made = []
    small, large = (Picture(lambda size=size: made.append(size) or b"x" * size, keep=3) for size in (3, 4))
    assert [len(picture.read()) for picture in (small, large) * 2] == [3, 4] * 2
    assert made == [3, 4, 4]


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
    pq.write_table(pa.table({"split": ["train"]}), tmp_path / "other.parquet")
    with pytest.raises(UserError, match="not a problems file \\(it has no column 'state_id'\\)"):
        problem.load(tmp_path / "other.parquet")


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
    image = Picture.of(data).decode()
    assert image.size == (3, 2) and image.mode == "RGB"
    for broken in (b"", b"text", data[:30]):
        with pytest.raises(ValueError, match="not a readable image"):
            Picture.of(broken).decode()
