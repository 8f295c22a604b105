"""The rows that TRL reads: pictures are decoded when a row is read, each once a batch, or left to the engine."""

import dataclasses

import numpy as np
import pytest

from counterpoint import problem
from counterpoint.problem import Picture
from counterpoint.training.data import dataset, encoded, gold


@pytest.fixture
def spied(problems):
    """Four problems, the third without a picture and the last with two, and the list of what was read of them."""
    read = []

    def picture(number: int) -> Picture:
        return Picture(lambda: read.append(number) or problems[number].images[0].read())

    numbers = [(0,), (1,), (), (2, 3)]
    made = zip(problems, numbers, strict=False)
    return [dataclasses.replace(p, images=tuple(map(picture, shown))) for p, shown in made], read


def test_pictures_are_decoded_when_their_row_is_read(problems, spied):
    data, read = spied
    rows = dataset(data, "think first .", gold(data))
    assert len(rows) == 4 and rows.column_names == ["prompt", "images", "problem_id", "completion"] and read == []
    assert rows[2]["images"] == [] and rows["problem_id"][3] == data[3].problem_id and read == []
    shown = rows[3]["images"]
    assert read == [2, 3] and [image.mode for image in shown] == ["RGB", "RGB"]
    assert all(np.array_equal(image, problems[n].images[0].decode()) for image, n in zip(shown, (2, 3), strict=True))
    read.clear()
    batch = rows.__getitems__([1, 1, 0, 1])
    assert read == [1, 0] and batch[0]["images"] == batch[3]["images"] != batch[2]["images"]
    assert [len(row["images"]) for row in rows] == [1, 1, 0, 2]


def test_a_copy_without_some_columns_is_one_of_the_same_pictures(problems, tmp_path):
    problem.write(problems[:2], tmp_path / "problems.parquet")
    rows = dataset(problem.load(tmp_path / "problems.parquet"), "think first .")
    shown = rows.remove_columns(["problem_id"]).with_format(None)[0]
    assert list(shown) == ["prompt", "images"] and shown["images"] == rows[0]["images"]


def test_an_engine_gets_the_pictures_as_they_are(spied):
    data, read = spied
    rows = dataset(data, "think first .")
    left = encoded(rows)
    assert [row["images"] for row in left.__getitems__([0, 2, 3])] == [list(data[n].images) for n in (0, 2, 3)]
    assert read == [] and rows.decoding and not left.decoding
