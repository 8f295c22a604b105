import pytest

from counterpoint.errors import UserError
from counterpoint.sources import mapping
from counterpoint.sources.parsing import Refusal

ROW = {
    "q": " <image1>\nWhich  one ?", "a": 3, "one": "x", "two": "y", "none": None, "true": True, "pair": [1, 2],
    "same": ["4", 4.0], "meta": {"split": "test", "deep": {"er": "z"}}, "a.b": "dotted", "list": '["1", "2"]',
}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("a", "3"),
        (["one", "none", "two"], "x y"),
        ("true", "true"),
        ("same", "4"),
        ("meta.split", "test"),
        ("meta.deep.er", "z"),
        ("a.b", "dotted"),
        ({"value": 7.0}, "7"),
        ({"template": "{one}/{meta.split}-{none}.png"}, "x/test-.png"),
        ({"column": "a"}, "3"),
        ({"template": "{two}-{a}", "with": "before_dash"}, "y"),
    ],
)
def test_a_field_is_read_as_it_is_mapped(spec, wanted):
    assert mapping.text(ROW, spec) == wanted


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("b", "no column 'b'"),
        ("meta.split.x", "no column"),
        ("meta", "no text or number"),
        ("pair", "one value is wanted"),
        ({"template": "{b}"}, "no column 'b'"),
    ],
)
def test_what_cannot_be_read_is_refused(spec, reason):
    with pytest.raises(Refusal, match=reason):
        mapping.text(ROW, spec)


def test_prose_has_no_picture_tags_and_lists_are_opened():
    assert mapping.prose(ROW, "q") == "Which one ?"
    assert mapping.flat(ROW, ["pair", "none", "a"]) == [1, 2, 3]
    assert mapping.options(ROW, "list") == ("1", "2") and mapping.options(ROW, "none") is None
    with pytest.raises(Refusal, match="are pictures"):
        mapping.options({"o": ["<image2>", "<image3>"]}, "o")


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({}, "must have one of column, template, value"),
        ({"column": "a", "value": 1}, "must have one of"),
        ({"value": 1, "with": "letter"}, "`with` only beside"),
        ({"colunm": "a"}, "did you mean 'column'"),
        ({"column": []}, "must name a column"),
        ({"template": "no place"}, "with a {column} in it"),
        ({"column": "a", "with": "leter"}, "did you mean 'letter'"),
        (3, "must name a column"),
    ],
)
def test_a_wrong_way_of_mapping_is_the_users_error(spec, named):
    with pytest.raises(UserError, match=r"source\.fields\.answer") as error:
        mapping.check({"question": "q", "answer": spec})
    assert named in str(error.value)
